"""What all steps share: retries, alerts on failure, progress, windows over chunks, and how a flow is declared."""
