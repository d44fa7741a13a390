"""The stand-ins live in image build contexts, which are no packages: their folders join the path here."""

import sys
from pathlib import Path

LAB = Path(__file__).parents[3] / "docker/lab"
sys.path[:0] = [str(LAB / "ollama"), str(LAB / "anythingllm")]
