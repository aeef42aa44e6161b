"""How the system runs: the local server, deployments, work pools, AWS resources, and the S3 listener."""
