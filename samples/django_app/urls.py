"""Where everything is."""

from django.urls import path

from samples.django_app import views

urlpatterns = [
    path("", views.index),
    path("page/<name>", views.file),
    path("static/<name>", views.file),
    path("client-secret", views.client_secret),
    path("sideband", views.sideband),
    path("transcript/<token>", views.transcript),
]
