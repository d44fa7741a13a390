"""Addresses. ``verify`` is asked by the proxy alone: from outside it cannot be reached."""

from django.urls import path

from . import pages, verify, views

urlpatterns = [
    path("", pages.index),
    path("state", pages.state),
    path("key", pages.key),
    path("login", views.Login.as_view()),
    path("logout", views.Logout.as_view()),
    path("static/<str:name>", pages.static),
    path("verify/<str:service>", verify.verify),
    path("health", pages.health),
]
