"""An authorizer for Jupyter Server that lets nobody do anything with our routes, and everything else."""

from __future__ import annotations

from jupyter_server.auth.authorizer import AllowAllAuthorizer


class NobodyAllowed(AllowAllAuthorizer):
    def is_authorized(self, _handler, _user, _action, resource):
        return resource != "pollinator-magic"
