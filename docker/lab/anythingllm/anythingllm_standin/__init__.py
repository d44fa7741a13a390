"""gpuhost's lab stand-in for AnythingLLM: how it starts, the files it keeps, and its documented endpoints.

Written from AnythingLLM's documentation and behaviour (v1.16.0: docker/HOW_TO_USE_DOCKER.md,
docker/docker-entrypoint.sh, server/utils/helpers/updateENV.js); none of its code is here.
"""

NAME = "anythingllm"
HEADER = "X-Gpuhost-Stand-In"
NOTICE = "this is gpuhost's lab stand-in for AnythingLLM, not AnythingLLM: no workspaces, documents or chat"
