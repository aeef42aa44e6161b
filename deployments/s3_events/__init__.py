"""The listener: it reads S3's notifications from SQS and emits events on the Prefect server, which start flows.

Run ``python -m deployments.s3_events``. It imports neither Prefect nor any heavy library.
"""
