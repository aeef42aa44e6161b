"""Pages about models and patients, and the same data as JSON."""

from api.dashboard.routes import dashboard_routes

__all__ = ["dashboard_routes"]
