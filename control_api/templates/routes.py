"""The routes of playbooks."""

from __future__ import annotations

from control_api import errors
from control_api.routing import Policy, Route
from control_api.templates import handlers
from control_api.templates.models import Clone, NewTemplate, TemplateEdit, TemplateList, Templates, TemplateView

MEMBER = Policy.MEMBER
_TEMPLATE = "/v1/templates/{id}"

TEMPLATES = (
    Route(
        method="GET",
        path="/v1/templates",
        handler=handlers.list_templates,
        policy=MEMBER,
        summary="The playbooks one may use: one's own, the organization's, the system's and public ones",
        tag="templates",
        query=TemplateList,
        response=Templates,
        errors=(errors.InvalidCursorError,),
    ),
    Route(
        method="POST",
        path="/v1/templates",
        handler=handlers.create_template,
        policy=MEMBER,
        summary="Write a playbook",
        tag="templates",
        status=201,
        body=NewTemplate,
        response=TemplateView,
        errors=(errors.ForbiddenError,),
        is_versioned=True,
    ),
    Route(
        method="GET",
        path=_TEMPLATE,
        handler=handlers.get_template,
        policy=MEMBER,
        summary="One playbook",
        tag="templates",
        response=TemplateView,
        errors=(errors.NotFoundError,),
        is_versioned=True,
    ),
    Route(
        method="PATCH",
        path=_TEMPLATE,
        handler=handlers.update_template,
        policy=MEMBER,
        summary="Change a playbook; another text is another version",
        tag="templates",
        body=TemplateEdit,
        response=TemplateView,
        errors=(errors.NotFoundError, errors.ForbiddenError, errors.ConflictError, errors.NothingToChangeError),
        is_versioned=True,
    ),
    Route(
        method="DELETE",
        path=_TEMPLATE,
        handler=handlers.delete_template,
        policy=MEMBER,
        summary="Drop a playbook; sessions that chose it keep their choice",
        tag="templates",
        status=204,
        errors=(errors.NotFoundError, errors.ForbiddenError),
    ),
    Route(
        method="POST",
        path=f"{_TEMPLATE}/clone",
        handler=handlers.clone_template,
        policy=MEMBER,
        summary="A copy to change: one's own, or the organization's",
        tag="templates",
        status=201,
        body=Clone,
        response=TemplateView,
        errors=(errors.NotFoundError, errors.ForbiddenError),
    ),
)
