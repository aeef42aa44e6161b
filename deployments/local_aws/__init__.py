"""Local S3 and SQS that keep what they acknowledge: ``python -m deployments.local_aws FOLDER``, run in moto's image.

Moto answers the requests from memory. Before a response is sent, everything that the request changed is on disk, so
nothing acknowledged is lost if the process is killed or the power fails. It is meant for one machine and has no access
control, so it rejects requests from browsers, which any web page can send.

Kept are objects with their ETags, times, metadata and checksums, the parts of uploads in progress, and messages that
are not deleted, with their receipt handles. Not kept are ACLs, tags, old versions, the configuration of buckets, and
moto's other services.
"""
