"""Turns media into decisions: the domain library under sightline's flows. It knows nothing of Prefect."""
