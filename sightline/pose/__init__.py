"""Poses of people in videos and photos, faces to be blurred, and the files of poses."""

from sightline.pose.body import body_outline, head_box
from sightline.pose.estimator import PoseEstimator
from sightline.pose.faces import FaceDetector
from sightline.pose.openpose import ExportedPoses, export_openpose, read_openpose, write_openpose
from sightline.pose.people import SEEN, Box, FoundPerson, find_people
from sightline.pose.silhouettes import sample_people
from sightline.pose.skeleton import BODY_25, JOINTS, LIMBS, Keypoints, Limb, Skeleton
from sightline.pose.track import Track
from sightline.pose.tracker import PoseTracker, detect_pose
from sightline.pose.video import StillPose, TrackedVideo, faces_for, people_for, track_video

__all__ = [
    "BODY_25",
    "JOINTS",
    "LIMBS",
    "SEEN",
    "Box",
    "ExportedPoses",
    "FaceDetector",
    "FoundPerson",
    "Keypoints",
    "Limb",
    "PoseEstimator",
    "PoseTracker",
    "Skeleton",
    "StillPose",
    "Track",
    "TrackedVideo",
    "body_outline",
    "detect_pose",
    "export_openpose",
    "faces_for",
    "find_people",
    "head_box",
    "people_for",
    "read_openpose",
    "sample_people",
    "track_video",
    "write_openpose",
]
