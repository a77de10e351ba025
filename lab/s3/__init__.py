"""The S3 server of the lab: who may do what, and what lies in the bucket."""
