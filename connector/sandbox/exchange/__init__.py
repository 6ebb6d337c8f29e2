"""The ACE bucket: moto's S3 laid out as AWS lays it out, and the part that AWS plays behind it."""
