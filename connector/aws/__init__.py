"""The doors to AWS: the only room that knows boto3."""
