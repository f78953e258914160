"""nginx on loopback, as a WebDAV server (module dav_ext) and as one that knows PUT and DELETE and nothing else.

Debian: `nginx-light` and `libnginx-mod-http-dav-ext`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.needs import missing, program
from tests.servers import free_port, listening, running, wait_for
from tests.servers.apache import DavServer

MODULE = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")

CONF = """{user}load_module {module};
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/tmp/body;
  proxy_temp_path {folder}/tmp/proxy;
  fastcgi_temp_path {folder}/tmp/fastcgi;
  uwsgi_temp_path {folder}/tmp/uwsgi;
  scgi_temp_path {folder}/tmp/scgi;
  default_type application/octet-stream;
  keepalive_requests 100000;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{secure} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    root {folder}/www;
    client_max_body_size 64m;
    auth_basic test;
    auth_basic_user_file {folder}/basic;
    location / {{
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
      dav_access user:rw group:rw all:r;
    }}
    location /put/ {{
      dav_methods PUT DELETE;
      create_full_put_path on;
    }}
    location /small/ {{
      dav_methods PUT DELETE;
      create_full_put_path on;
      client_max_body_size 100k;
    }}
    location /readonly/ {{
      limit_except GET HEAD {{ deny all; }}
    }}
    location /get/ {{
    }}
    location /public/ {{
      auth_basic off;
      alias {folder}/www/put/;
      add_header Access-Control-Allow-Origin * always;
      add_header Cache-Control no-cache always;
      types {{ text/html html; }}
    }}
    location /zipped/ {{
      dav_methods PUT DELETE;
      create_full_put_path on;
      gzip on;
      gzip_types *;
      gzip_min_length 1;
    }}
    location /key/ {{
      auth_basic off;
      if ($http_x_api_key != testtest) {{ return 401; }}
      dav_methods PUT DELETE;
      create_full_put_path on;
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx_dav(certificate: Path) -> Iterator[DavServer]:
    """nginx over an empty folder, WebDAV at its top. Below it: `put` (PUT and DELETE alone; `public` is the same for
    anybody to read), `small` (bodies of at most 100 KiB), `readonly`, `get` (no writing known), `zipped`, `key` (asks
    for the header X-Api-Key)."""
    binary = program("nginx")
    if not MODULE.exists():
        missing("libnginx-mod-http-dav-ext")
    with tempfile.TemporaryDirectory(prefix="nginx-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        folder.chmod(0o755)
        root = os.geteuid() == 0
        for name in ("tmp", "www", *(f"www/{each}" for each in ("put", "small", "readonly", "get", "zipped", "key"))):
            (folder / name).mkdir()
            (folder / name).chmod(0o777)
        hashed = base64.b64encode(hashlib.sha1(b"testtest").digest()).decode()  # noqa: S324 - what htpasswd -s writes
        (folder / "basic").write_text(f"pub:{{SHA}}{hashed}\n")
        server = DavServer(name="nginx", port=free_port(), secure=free_port(), folder=folder / "www")
        conf, log = folder / "nginx.conf", folder / "log"
        conf.write_text(
            CONF.format(
                folder=folder,
                port=server.port,
                secure=server.secure,
                certificate=certificate,
                module=MODULE,
                user="user nobody nogroup;\n" if root else "",
            )
        )
        with running([binary, "-c", str(conf), "-e", str(folder / "error.log")], log=log):
            wait_for(lambda: listening(server.port), seconds=20, what="nginx", log=folder / "error.log")
            yield server
