"""The listener: what SQS tells of new objects becomes events of the Prefect server, which start flows.

``python -m deployments.s3_events``. It needs neither Prefect nor any of the heavy libraries.
"""
