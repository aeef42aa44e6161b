"""How the system runs: the local server, deployments, work pools, AWS resources, and the services around them."""

RUN_LABEL = "io.prefect.flow-run-id"
"""Set by Prefect's Docker worker on every container of a flow run."""
