"""Web servers one runs oneself, told by their `Server` header, and the caches in front of them.

The texts are the lines of `mirror/setups`, which real servers were tried with; those of Cloudflare are names in its
dashboard (developers.cloudflare.com, 2026-11).
"""

# ruff: noqa: E501 - what is to be typed stands in one piece

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from mirror.providers import CheckName, Provider


def _mends(texts: dict[CheckName, str]) -> MappingProxyType[CheckName, str]:
    return MappingProxyType(texts)


_SETUP: Final = "or all at once: tamizdat target setup NAME --for"

PROVIDERS: Final[tuple[Provider, ...]] = (
    Provider(
        id="cloudflare",
        name="Cloudflare",
        kinds=(),
        server="cloudflare",
        cdn="cloudflare",
        asn=(13335,),
        mends=_mends(
            {
                "bot check": "Security → Settings: Bot Fight Mode and Browser Integrity Check off, Under Attack Mode off "
                "for {host} (Rules → Configuration Rules)",
                "rewriting": "Rules → Configuration Rules for {host}: Email Obfuscation, Rocket Loader, Automatic HTTPS "
                "Rewrites off; Web Analytics: no automatic setup; Speed → Optimization: nothing on",
                "caching": "Caching → Cache Rules for {host}: bypass the cache for /front, /checkpoint, "
                "/trust/timestamp.json; Browser Cache TTL: respect existing headers",
                "CORS": "Rules → Transform Rules → Modify Response Header for {host}: set Access-Control-Allow-Origin "
                "to * (once: not in the server behind it too)",
                "compression": "Rules → Compression Rules for {host}: disabled",
                "anonymous read": "Zero Trust → Access: no policy on {host}; Security → WAF: no rule that blocks",
                "missing file in public": "Rules → Redirect Rules and Custom Errors: none for {host}",
                "TLS for readers": "SSL/TLS → Edge Certificates: Always Use HTTPS, and Universal SSL for {host}",
            }
        ),
        sources=("https://developers.cloudflare.com/rules/configuration-rules/settings/",),
    ),
    Provider(
        id="nginx",
        name="nginx",
        kinds=(),
        server="nginx|openresty",
        mends=_mends(
            {
                "CORS": f'add_header Access-Control-Allow-Origin "*" always; (a location with an add_header of its own '
                f"loses those around it), {_SETUP} nginx",
                "CORS for ranges": 'add_header Access-Control-Allow-Headers "Range" always;',
                "caching": f'add_header Cache-Control "no-cache" always; for /front, /checkpoint and '
                f"/trust/timestamp.json; no `expires`, no proxy_cache there, {_SETUP} nginx",
                "content types": "types { text/html html; } default_type application/octet-stream; charset utf-8; "
                f"{_SETUP} nginx",
                "ranges": "max_ranges 1; (not 0), and no sub_filter, gzip or proxy_cache that hides ranges",
                "compression": "gzip off; gzip_static off; in this server",
                "rewriting": "no sub_filter and no add_before_body in this server",
                "missing file in public": "try_files $uri =404; (not try_files $uri /index.html), and no error_page 404 =200",
                "anonymous read": "root must be the very folder; no auth_basic, no deny; chmod o+rX on it and above it",
                "redirect": "no return 301 in the server that answers {host}; absolute_redirect off;",
                "bot check": "no limit_req and no challenge module (anubis …) before this server",
                "TLS for readers": "listen 443 ssl; with certbot --nginx -d {host}",
            }
        ),
        sources=("https://nginx.org/en/docs/http/ngx_http_headers_module.html",),
    ),
    Provider(
        id="apache",
        name="Apache",
        kinds=(),
        server="Apache|LiteSpeed",
        mends=_mends(
            {
                "CORS": f'Header always set Access-Control-Allow-Origin "*" (a2enmod headers; in the site or .htaccess), '
                f"{_SETUP} apache",
                "CORS for ranges": 'Header always set Access-Control-Allow-Headers "Range"',
                "caching": f'Header always set Cache-Control "no-cache" for front, checkpoint and trust/timestamp.json; '
                f"ExpiresActive Off; no mod_cache, {_SETUP} apache",
                "content types": f'ForceType application/octet-stream, and for .html ForceType "text/html; charset=utf-8"; '
                f"{_SETUP} apache",
                "ranges": "MaxRanges 1 (not none), and no SetOutputFilter for this folder",
                "compression": "SetEnv no-gzip 1, RemoveEncoding .gz, and no AddEncoding or SetOutputFilter DEFLATE",
                "rewriting": "no mod_substitute, mod_pagespeed or layout filter for this folder",
                "missing file in public": 'no FallbackResource, no RewriteRule to index.html, ErrorDocument 404 "not here"',
                "anonymous read": "Require all granted for the very folder; no .htaccess with a password; chmod o+rX on it",
                "redirect": "no Redirect or RewriteRule in the site that answers {host}; DirectorySlash Off",
                "bot check": "no mod_security or mod_evasive rule for this folder",
                "TLS for readers": "certbot --apache -d {host}",
            }
        ),
        sources=("https://httpd.apache.org/docs/2.4/mod/mod_headers.html",),
    ),
    Provider(
        id="caddy",
        name="Caddy",
        kinds=(),
        server="Caddy",
        mends=_mends(
            {
                "CORS": f'header Access-Control-Allow-Origin "*" in the site, {_SETUP} caddy',
                "caching": f'header Cache-Control "no-cache" for /front, /checkpoint, /trust/timestamp.json, {_SETUP} caddy',
                "compression": "no `encode` and no `precompressed` in the site",
                "missing file in public": "no try_files to index.html, file_server alone",
                "content types": f"header Content-Type by path before file_server, {_SETUP} caddy",
                "redirect": "no redir in the site; disable_canonical_uris in file_server",
                "anonymous read": "root * must be the very folder; no basicauth; chmod o+rX on it and above it",
            }
        ),
        sources=("https://caddyserver.com/docs/caddyfile/directives/header",),
    ),
    Provider(
        id="lighttpd",
        name="lighttpd",
        kinds=(),
        server="lighttpd",
        mends=_mends(
            {
                "CORS": 'server.modules += ("mod_setenv"), setenv.set-response-header = ("Access-Control-Allow-Origin" => '
                f'"*"), {_SETUP} lighttpd',
                "caching": 'setenv.set-response-header += ("Cache-Control" => "no-cache"), server.stat-cache-engine = '
                f'"disable", {_SETUP} lighttpd',
                "compression": "deflate.mimetypes = () for this host",
                "missing file in public": "no server.error-handler-404 for this host",
                "content types": f"mimetype.assign with .html and a default, {_SETUP} lighttpd",
                "ranges": 'server.range-requests = "enable"',
                "anonymous read": "server.document-root must be the very folder; chmod o+rX on it and above it",
            }
        ),
        sources=("https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_setenv",),
    ),
    Provider(
        id="python",
        name="Python's http.server",
        kinds=(),
        server="SimpleHTTP|BaseHTTP",
        mends=_mends(
            {
                "CORS": "it cannot send Access-Control-Allow-Origin; use a web server: tamizdat target setup NAME --for nginx (caddy, apache …)"
            }
        ),
    ),
)
