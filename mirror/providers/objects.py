"""S3 and compatible stores, Google Cloud Storage, Azure: what is known of each.

A pattern's group `region` is where an endpoint's name tells the region. Sizes are powers of ten where the host says GB
or TB, of two where it says GiB or TiB.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from mirror.providers import CheckName, Limits, Provider

_GIB: Final = 2**30


def _mends(**texts: str) -> MappingProxyType[CheckName, str]:
    """`anonymous_read="…"` for the check "anonymous read"; CORS is written `cors`."""
    names: dict[str, CheckName] = {
        "anonymous_read": "anonymous read",
        "redirect": "redirect",
        "compression": "compression",
        "rewriting": "rewriting",
        "cors": "CORS",
        "cors_ranges": "CORS for ranges",
        "caching": "caching",
        "missing": "missing file in public",
        "bot_check": "bot check",
    }
    return MappingProxyType({names[key]: text for key, text in texts.items()})


_PASTE: Final = "paste what `tamizdat target policy NAME` prints for readers"
_READ: Final = f"let everybody read: {_PASTE}"
_CORS_RULE: Final = "give the bucket a CORS rule: aws s3api put-bucket-cors --endpoint-url {endpoint} --bucket {bucket}"
_CORS: Final = f"{_CORS_RULE} --cors-configuration file://cors.json ({_PASTE})"
_USUAL: Final = _mends(anonymous_read=_READ, cors=_CORS, cors_ranges=_CORS)

_AWS_POLICY: Final = """
# In AWS CloudShell, or wherever aws is logged in as the account's owner.

# 1. The publishing key: a user of its own that may write, read, delete and list here, and nothing else.
#    Save as key.json:
{key_policy}
aws iam create-user --user-name tamizdat-{name}
aws iam put-user-policy --user-name tamizdat-{name} --policy-name tamizdat --policy-document file://key.json
aws iam create-access-key --user-name tamizdat-{name}

# 2. Readers: every file may be read, nothing may be listed. Save as readers.json:
{public_policy}
aws s3api delete-public-access-block --bucket {bucket}
aws s3api put-bucket-policy --bucket {bucket} --policy file://readers.json

# 3. Readers' pages, which come from other addresses. Save as cors.json:
{cors}
aws s3api put-bucket-cors --bucket {bucket} --cors-configuration file://cors.json
"""
_R2_POLICY: Final = """
# 1. For the publishing key: Cloudflare's dashboard, R2, Manage API tokens, Create Account API token:
#      Permissions            Object Read & Write     (not Admin: that one may delete buckets)
#      Specify bucket(s)      Apply to specific buckets only: {bucket}
#      TTL                    Forever, or note the date
#    It shows an Access Key ID and a Secret Access Key, once. A token cannot be limited to a prefix: use a bucket of
#    its own for this mirror.

# 2. For readers: R2, {bucket}, Settings, Custom Domains, Add: a domain that is on Cloudflare already.
#    (r2.dev is for trying things out: it is throttled and cannot be cached.)

# 3. For readers' pages, which come from other addresses: R2, {bucket}, Settings, CORS Policy, Add, JSON:
{cors_rules}
"""
_B2_POLICY: Final = """
# With the b2 program (pip install b2), logged in with the account's master key: b2 account authorize

# 1. The bucket: anybody may read; only the last version of a file is kept, with pointers rewritten at every push.
b2 bucket create {bucket} allPublic --lifecycle-rule \\
  '{"daysFromHidingToDeleting": 1, "daysFromUploadingToHiding": null, "fileNamePrefix": ""}'

# 2. The publishing key: this bucket alone; read, write, delete, list. listAllBucketNames is what B2's S3 address asks
#    of a key limited to a bucket. It shows the keyID (access_key) and the applicationKey (secret_key), once.
b2 key create --bucket {bucket} tamizdat-{name} \\
  listBuckets,listAllBucketNames,listFiles,readFiles,writeFiles,deleteFiles

# 3. For readers' pages, which come from other addresses:
b2 bucket update {bucket} allPublic --cors-rules '[{
  "corsRuleName": "readers", "allowedOrigins": ["*"], "allowedHeaders": ["range"],
  "allowedOperations": ["b2_download_file_by_name", "s3_get", "s3_head"],
  "exposeHeaders": ["etag", "content-length", "content-range"], "maxAgeSeconds": 86400}]'
"""
_HETZNER_POLICY: Final = """
# 1. For the publishing key: Hetzner's keys reach every bucket of their project, so make a project for this mirror
#    alone (Cloud Console, New project), in it the bucket {bucket} with visibility Public, and there
#    Security, S3 credentials, Generate credentials.

# 2. For readers' pages, which come from other addresses. Save as cors.json:
{cors}
aws s3api put-bucket-cors --endpoint-url {endpoint} --bucket {bucket} --cors-configuration file://cors.json
"""
_MINIO_POLICY: Final = """
# With mc, where ALIAS is your server with an administrator's keys (mc alias set ALIAS {endpoint} …).

# 1. The publishing key: save as key.json, then make a user that has this policy and nothing else.
{key_policy}
mc admin policy create ALIAS tamizdat-{name} key.json
mc admin user add ALIAS tamizdat-{name} "$(openssl rand -hex 20 | tee secret.txt)"
mc admin policy attach ALIAS tamizdat-{name} --user tamizdat-{name}

# 2. Readers: save as readers.json. ("mc anonymous set download" would let them list the bucket as well.)
{public_policy}
mc anonymous set-json readers.json ALIAS/{bucket}

# 3. Readers' pages, which come from other addresses: the server answers every origin unless it was told otherwise
#    (MINIO_API_CORS_ALLOW_ORIGIN); `tamizdat target add` and `target probe` show it.
"""
_GARAGE_POLICY: Final = """
# On the machine that runs Garage.

# 1. The publishing key: read and write here, not "owner". It shows the key's id and its secret.
garage bucket create {bucket}
garage key create tamizdat-{name}
garage bucket allow --read --write {bucket} --key tamizdat-{name}

# 2. Readers: Garage has no bucket policies; it serves a bucket as a web site, at the address of [s3_web] root_domain.
garage bucket website --allow {bucket}

# 3. Readers' pages, which come from other addresses. Save as cors.json, and use a key that is "owner" for this once:
{cors}
garage bucket allow --owner {bucket} --key ADMIN-KEY
aws s3api put-bucket-cors --endpoint-url {endpoint} --region garage --bucket {bucket} --cors-configuration file://cors.json
"""

PROVIDERS: Final[tuple[Provider, ...]] = (
    Provider(
        id="aws",
        name="Amazon S3",
        kinds=("s3",),
        hosts=(
            r"s3\.amazonaws\.com",
            r"(?:.+\.)?s3[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com(?:\.cn)?",
        ),
        public_hosts=(r".+\.s3-website[.-][a-z0-9-]+\.amazonaws\.com", r"[a-z0-9]+\.cloudfront\.net"),
        endpoint="https://s3.{region}.amazonaws.com",
        needs=("region",),
        limits=Limits(object_bytes=5 * _GIB),
        asn=(16509,),
        mends=_mends(
            anonymous_read="turn Block Public Access off: aws s3api delete-public-access-block --bucket {bucket}; then "
            + _READ,
            cors=_CORS,
            cors_ranges=_CORS,
            caching="in front of the bucket (CloudFront) use the cache policy CachingOptimized with minimum TTL 0",
        ),
        console=(
            "S3, Create bucket: any region, ACLs disabled, Block all public access off, versioning off",
            "IAM, Users, Create user without console access; Attach policy, JSON: what `target policy` prints",
            "IAM, the user, Security credentials, Create access key (Other)",
        ),
        policy=_AWS_POLICY,
        page="s3",
        advice="traffic to readers costs most here: watch the bill, or put a cache in front",
        sources=(
            "docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
            "docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
        ),
    ),
    Provider(
        id="r2",
        name="Cloudflare R2",
        kinds=("s3",),
        hosts=(r"[0-9a-z]+(?:\.(?:eu|fedramp))?\.r2\.cloudflarestorage\.com",),
        public_hosts=(r"pub-[0-9a-f]+\.r2\.dev",),
        endpoint="https://{account}.r2.cloudflarestorage.com",
        needs=("account",),
        region="auto",
        limits=Limits(object_bytes=5 * _GIB - 5 * 2**20, pointer_seconds=1),
        asn=(13335,),
        cdn="Cloudflare",
        mends=_mends(
            anonymous_read="R2, {bucket}, Settings, Public access: connect a domain of yours (Custom Domains)",
            cors="R2, {bucket}, Settings, CORS Policy: the rule that `tamizdat target policy NAME` prints",
            cors_ranges="R2, {bucket}, Settings, CORS Policy: the rule that `tamizdat target policy NAME` prints",
            caching="Cloudflare, the domain, Caching, Cache Rules: for front, checkpoint and trust/timestamp.json "
            "bypass the cache, and leave Browser TTL at Respect origin",
            bot_check="Cloudflare, the domain, Security: turn Bot Fight Mode and Under Attack Mode off for this host",
            compression="Cloudflare, the domain, Rules, Compression Rules: disable compression for this host",
        ),
        console=(
            "R2, Create bucket",
            "R2, {bucket}, Settings, Custom Domains: connect a domain of yours (r2.dev is throttled)",
            "R2, Manage API tokens, Create: Object Read & Write, this bucket only",
        ),
        policy=_R2_POLICY,
        page="r2",
        advice="one name may be written about once a second; r2.dev is throttled, use a domain of yours",
        sources=(
            "developers.cloudflare.com/r2/platform/limits",
            "developers.cloudflare.com/r2/api/s3/api",
            "developers.cloudflare.com/r2/api/error-codes",
        ),
    ),
    Provider(
        id="b2",
        name="Backblaze B2",
        kinds=("s3",),
        hosts=(r"(?:.+\.)?s3\.(?P<region>[a-z]+-[a-z]+-\d{3})\.backblazeb2\.com",),
        public_hosts=(r"f\d{3}\.backblazeb2\.com",),
        endpoint="https://s3.{region}.backblazeb2.com",
        needs=("region",),
        limits=Limits(object_bytes=5 * 10**9),
        mends=_mends(
            anonymous_read="Buckets, {bucket}, Bucket Settings: Files in Bucket are Public",
            cors=_CORS,
            cors_ranges=_CORS,
        ),
        console=(
            "Buckets, Create a Bucket: Files in Bucket are Public; Object Lock off",
            "{bucket}, Lifecycle Settings: Keep only the last version of the file",
            "Application Keys, Add a New Application Key: this bucket only, Read and Write (the master key won't do)",
        ),
        policy=_B2_POLICY,
        page="b2",
        advice="set Lifecycle to 'Keep only the last version': else every pointer ever written is kept and billed",
        sources=(
            "www.backblaze.com/docs/cloud-storage-s3-compatible-app-keys",
            "www.backblaze.com/blog/backblaze-b2-lifecycle-rules/",
        ),
    ),
    Provider(
        id="wasabi",
        name="Wasabi",
        kinds=("s3",),
        hosts=(r"(?:.+\.)?s3\.(?:(?P<region>[a-z]+-[a-z]+-\d)\.)?wasabisys\.com",),
        endpoint="https://s3.{region}.wasabisys.com",
        needs=("region",),
        mends=_mends(
            anonymous_read=f"public access must first be allowed for the account, by Wasabi's support; then {_READ}",
            cors=_CORS,
            cors_ranges=_CORS,
        ),
        page="wasabi-and-others",
        advice="each object is billed for 90 days, and public access must be asked for at support",
        sources=(
            "docs.wasabi.com/apidocs/operations-on-buckets-1",
            "community.veeam.com/blogs-and-podcasts-57/wasabi-minimum-storage-duration-policy-3074",
        ),
    ),
    Provider(
        id="hetzner",
        name="Hetzner Object Storage",
        kinds=("s3",),
        hosts=(r"(?:.+\.)?(?P<region>[a-z]{3}\d)\.your-objectstorage\.com",),
        endpoint="https://{region}.your-objectstorage.com",
        needs=("region",),
        limits=Limits(files=50_000_000),
        price="at most EUR 5 a month with 1 TB and 1 TB of traffic (2024-10)",
        asn=(24940,),
        mends=_mends(
            anonymous_read="set the bucket's visibility to Public: Cloud Console, Object Storage, {bucket}",
            cors=_CORS,
            cors_ranges=_CORS,
        ),
        console=(
            "Cloud Console, Object Storage, Create Bucket: visibility Public",
            "Security, S3 credentials, Generate: a key reaches every bucket of its project, so give it one of its own",
        ),
        policy=_HETZNER_POLICY,
        page="wasabi-and-others",
        advice="a key reaches every bucket of its project: make a project for this mirror alone",
        sources=(
            "docs.hetzner.com/storage/object-storage/overview",
            "docs.hetzner.com/storage/object-storage/faq/buckets-objects",
        ),
    ),
    Provider(
        id="scaleway",
        name="Scaleway Object Storage",
        kinds=("s3",),
        hosts=(r"(?:.+\.)?s3\.(?P<region>[a-z]{2}-[a-z]{3})\.scw\.cloud",),
        endpoint="https://s3.{region}.scw.cloud",
        needs=("region",),
        asn=(12876,),
        mends=_USUAL,
        page="wasabi-and-others",
        sources=("rclone's list of S3 providers",),
    ),
    Provider(
        id="digitalocean",
        name="DigitalOcean Spaces",
        kinds=("s3",),
        hosts=(r"(?:.+\.)?(?P<region>[a-z]{3}\d)\.digitaloceanspaces\.com",),
        public_hosts=(r".+\.cdn\.digitaloceanspaces\.com",),
        endpoint="https://{region}.digitaloceanspaces.com",
        needs=("region",),
        limits=Limits(pointer_seconds=60),
        asn=(14061,),
        mends=_mends(
            anonymous_read=_READ,
            cors="Spaces, {bucket}, Settings, CORS Configurations: origin *, GET and HEAD, header *",
            cors_ranges="Spaces, {bucket}, Settings, CORS Configurations: origin *, GET and HEAD, header *",
            caching="Spaces, {bucket}, Settings, CDN: use the address without .cdn., or purge front and checkpoint",
        ),
        page="wasabi-and-others",
        advice="one file may be written five times in five minutes, all of them 150 times a second: set workers = 8",
        sources=(
            "www.digitalocean.com/community/questions/i-can-put-objects-but-get-503-for-listbuckets "
            "(quotes docs.digitalocean.com/products/spaces/details/limits/)",
        ),
    ),
    Provider(
        id="ovh",
        name="OVHcloud Object Storage",
        kinds=("s3",),
        hosts=(r"(?:.+\.)?s3\.(?P<region>[a-z0-9-]+)\.(?:io\.|perf\.)?cloud\.ovh\.(?:net|us)",),
        endpoint="https://s3.{region}.io.cloud.ovh.net",
        needs=("region",),
        asn=(16276,),
        mends=_USUAL,
        page="wasabi-and-others",
        sources=("rclone's list of S3 providers",),
    ),
    Provider(
        id="idrive",
        name="IDrive e2",
        kinds=("s3",),
        hosts=(r"(?:.+\.)?s3\.(?P<region>[a-z]+-[a-z]+-\d)\.idrivee2\.com", r".+\.idrivee2(?:-\d+)?\.com"),
        endpoint="https://s3.{region}.idrivee2.com",
        needs=("region",),
        mends=_USUAL,
        page="wasabi-and-others",
        sources=("www.idrive.com/s3-storage-e2/e2-endpoint-urls",),
    ),
    Provider(
        id="linode",
        name="Akamai (Linode) Object Storage",
        kinds=("s3",),
        hosts=(r"(?:.+\.)?(?P<region>[a-z]{2}-[a-z]+(?:-\d)?)\.linodeobjects\.com",),
        endpoint="https://{region}.linodeobjects.com",
        needs=("region",),
        asn=(63949,),
        mends=_USUAL,
        page="wasabi-and-others",
        sources=("rclone's list of S3 providers",),
    ),
    Provider(
        id="storj",
        name="Storj",
        kinds=("s3",),
        hosts=(r"gateway(?:\.[a-z0-9]+)?\.storjshare\.io",),
        public_hosts=(r"link\.storjshare\.io",),
        endpoint="https://gateway.storjshare.io",
        page="wasabi-and-others",
        sources=("rclone's list of S3 providers",),
    ),
    Provider(
        id="minio",
        name="MinIO",
        kinds=("s3",),
        server=r"MinIO",
        region="us-east-1",
        mends=_mends(
            anonymous_read="mc anonymous set-json readers.json ALIAS/{bucket} (see `tamizdat target policy NAME`)",
            cors="set MINIO_API_CORS_ALLOW_ORIGIN=* for the server and restart it",
            cors_ranges="set MINIO_API_CORS_ALLOW_ORIGIN=* for the server and restart it",
        ),
        policy=_MINIO_POLICY,
        page="minio",
        sources=("docs.min.io/community/minio-object-store/reference/minio-mc/mc-anonymous-set-json.html",),
    ),
    Provider(
        id="garage",
        name="Garage",
        kinds=("s3",),
        server=r"Garage",
        region="garage",
        mends=_mends(
            anonymous_read="garage bucket website --allow {bucket}; readers use the address of [s3_web], not the API's",
            cors=_CORS,
            cors_ranges=_CORS,
        ),
        policy=_GARAGE_POLICY,
        page="garage",
        advice="readers use the address of [s3_web]; the S3 address lets nobody read without keys",
        sources=("garagehq.deuxfleurs.fr/documentation (CLI and S3 compatibility)",),
    ),
    Provider(
        id="ceph",
        name="Ceph (radosgw)",
        kinds=("s3",),
        mends=_USUAL,
        page="s3",
        sources=("run here: radosgw 16.2",),
    ),
    Provider(
        id="gcs",
        name="Google Cloud Storage",
        kinds=("gcs",),
        hosts=(r"storage\.googleapis\.com",),
        public_hosts=(r"(?:.+\.)?storage\.googleapis\.com",),
        endpoint="https://storage.googleapis.com",
        limits=Limits(object_bytes=5 * 2**40, pointer_seconds=1),
        asn=(15169, 396982),
        mends=_mends(
            anonymous_read="gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=allUsers "
            "--role=roles/storage.legacyObjectReader",
            cors="gcloud storage buckets update gs://{bucket} --cors-file=cors.json (`tamizdat target policy NAME` "
            "prints the file)",
            cors_ranges="add Range to responseHeader in cors.json: `tamizdat target policy NAME` prints the file",
            caching="files pushed before keep what they had: push them anew; a load balancer in front needs cache mode "
            "USE_ORIGIN_HEADERS",
        ),
        page="gcs",
        advice="one name may be written about once a second; turn soft delete off, else withdrawn files are kept",
        sources=(
            "docs.cloud.google.com/storage/docs/json_api/v1/status-codes",
            "docs.cloud.google.com/storage/quotas",
            "cloud.google.com/sdk/gcloud/reference/storage/buckets/add-iam-policy-binding",
        ),
    ),
    Provider(
        id="azure",
        name="Azure Blob Storage",
        kinds=("azblob",),
        hosts=(r"[a-z0-9]{3,24}\.blob\.core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)",),
        public_hosts=(r"[a-z0-9]{3,24}\.z\d+\.web\.core\.windows\.net",),
        endpoint="https://{account}.blob.core.windows.net",
        needs=("account",),
        limits=Limits(object_bytes=5000 * 2**20),
        asn=(8075,),
        mends=_mends(
            anonymous_read="az storage account update --name {account} --allow-blob-public-access true && az storage "
            "container set-permission --account-name {account} --name {container} --public-access blob",
            cors="az storage cors add --account-name {account} --services b --methods GET HEAD --origins '*' "
            "--allowed-headers '*' --exposed-headers '*' --max-age 86400",
            cors_ranges="az storage cors add --account-name {account} --services b --methods GET HEAD --origins '*' "
            "--allowed-headers '*' --exposed-headers '*' --max-age 86400",
        ),
        page="azure",
        sources=(
            "learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes",
            "learn.microsoft.com/rest/api/storageservices/set-container-acl",
        ),
    ),
)
