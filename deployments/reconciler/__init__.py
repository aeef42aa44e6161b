"""The reconciler: it compares the flow runs on the Prefect server with the containers, and resolves what is stuck.

Run ``python -m deployments.reconciler``. It runs outside the work pools that it watches.
"""
