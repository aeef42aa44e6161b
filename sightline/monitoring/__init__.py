"""Every inference, kept as SageMaker Model Monitor keeps it, and read back.

for inference in read_captures(locate("s3://captures"), endpoint="posture"):
    print(inference.inference_time, max(inference.probabilities))
"""

from sightline.monitoring.line import CapturedInference, CaptureEvent
from sightline.monitoring.read import read_captures
from sightline.monitoring.reject import InvalidCapture
from sightline.monitoring.write import write_capture

__all__ = ["CaptureEvent", "CapturedInference", "InvalidCapture", "read_captures", "write_capture"]
