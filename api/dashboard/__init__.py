"""Pages that show how models and patients are doing, and the same as JSON."""

from api.dashboard.routes import dashboard_routes

__all__ = ["dashboard_routes"]
