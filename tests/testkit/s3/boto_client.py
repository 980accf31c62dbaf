"""Does with boto3 what each line of standard input says (JSON), and answers each with one line of JSON."""

import functools
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    retries={"max_attempts": 1},
    # s3s-fs keeps the checksum of an object that a multipart upload replaces, and the new bytes do not match it.
    request_checksum_calculation="when_required",
    connect_timeout=20,
    read_timeout=60,
)


@functools.lru_cache(maxsize=64)
def client(service, endpoint, access_key, secret_key, region):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        config=CONFIG,
    )


def connected(asked, service="s3"):
    return client(service, asked["endpoint"], asked["access_key"], asked["secret_key"], asked["region"])


def create_bucket(asked):
    connected(asked).create_bucket(Bucket=asked["bucket"])


def put(asked):
    with open(asked["path"], "rb") as body:
        connected(asked).put_object(Bucket=asked["bucket"], Key=asked["key"], Body=body)


def get(asked):
    try:
        found = connected(asked).get_object(Bucket=asked["bucket"], Key=asked["key"])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    with open(asked["path"], "wb") as file:
        for chunk in found["Body"].iter_chunks():
            file.write(chunk)
    return {"etag": found.get("ETag"), "media_type": found.get("ContentType")}


def keys(asked):
    pages = connected(asked).get_paginator("list_objects_v2").paginate(Bucket=asked["bucket"])
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def uploads(asked):
    found = connected(asked).list_multipart_uploads(Bucket=asked["bucket"])
    return [upload["Key"] for upload in found.get("Uploads", [])]


def user(asked):
    """Three calls: as many as a guarded moto lets through unchecked."""
    iam = connected(asked, "iam")
    iam.create_user(UserName="jobhost")
    made = iam.create_access_key(UserName="jobhost")["AccessKey"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="jobhost", PolicyName="all", PolicyDocument=json.dumps(policy))
    return {"access_key": made["AccessKeyId"], "secret_key": made["SecretAccessKey"]}


DEEDS = {deed.__name__: deed for deed in (create_bucket, put, get, keys, uploads, user)}

for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = {"ok": DEEDS[question["do"]](question)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
