# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why S3 refused, in a sentence, from the last words of rclone: credentials, bucket, prefix, region, clock, rights."""

from __future__ import annotations

import re

# The first that is found counts; the codes are those of S3 and its imitators, a number is a status of HTTP.
_REASONS: tuple[tuple[tuple[str | int, ...], str], ...] = (
    (
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        "the credentials are wrong; check burst_s3_access_key and burst_s3_secret_key",
    ),
    (("RequestTimeTooSkewed", "RequestExpired"), "the clock of this machine is wrong; check timedatectl"),
    (("NoSuchBucket", "InvalidBucketName"), "there is no such bucket; check burst_s3_bucket and burst_s3_endpoint"),
    (
        ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraint", "wrong region"),
        "the bucket is in another region; check burst_s3_region",
    ),
    (("AccessDenied", "Forbidden", 403), "the key has no right to read this; let it list and read the bucket"),
    (
        ("NoSuchKey", "object not found", "directory not found", 404),
        "it is not in the bucket; check burst_s3_prefix and the path mappings",
    ),
    (("SlowDown", "Service Unavailable", 503), "S3 asks for fewer requests; try again later"),
    (
        ("no such host", "server misbehaving", "Temporary failure in name resolution"),
        "the name of the endpoint cannot be resolved; check burst_s3_endpoint and the machine's DNS",
    ),
    (("x509", "certificate"), "the endpoint's certificate is not trusted; check burst_s3_endpoint"),
    (
        ("connection refused", "no route to host", "i/o timeout", "deadline exceeded", "no answer"),
        "the endpoint does not answer; check burst_s3_endpoint and the network",
    ),
)


# A status is named as one: the same digits may be in a request's id, a port or the name of a file.
_STATUS = re.compile(
    r"\b(?:status(?: ?code)?|https?(?:/[0-9.]+)?|error code)[ :=]{1,2}([1-5][0-9]{2})\b(?![:.\w])", re.IGNORECASE
)


def statuses(said: str) -> set[int]:
    """Find the statuses of HTTP that a message names."""
    return {int(number) for number in _STATUS.findall(said)}


def explain(said: str) -> str:
    """Turn what rclone said into a reason with what to check; its own words when nothing is known of them."""
    words = said.lower()
    found = statuses(words)
    for signs, reason in _REASONS:
        if any(sign in found if isinstance(sign, int) else sign.lower() in words for sign in signs):
            return reason
    return said.strip() or "S3 gave no reason"
