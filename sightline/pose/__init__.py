"""Poses of people in videos and photos, faces to be blurred, and the files of poses."""

from sightline.pose.estimator import PoseEstimator
from sightline.pose.faces import FaceDetector, head_box
from sightline.pose.identity import Identity, IdentityWish, PicturePoint, SeenPerson
from sightline.pose.openpose import UNKNOWN_PERSON, in_order, read_openpose, read_openpose_people, write_openpose
from sightline.pose.openpose_export import ExportedPoses, export_openpose
from sightline.pose.people import SEEN, Box, FoundPerson, find_people
from sightline.pose.people_track import PeopleTrack
from sightline.pose.skeleton import BODY_25, JOINTS, LIMBS, Keypoints, Limb, Skeleton
from sightline.pose.track import Track
from sightline.pose.tracker import PoseTracker, detect_pose
from sightline.pose.video import StillPose, TrackedVideo, faces_for, skeleton_for, track_video

__all__ = [
    "BODY_25",
    "JOINTS",
    "LIMBS",
    "SEEN",
    "UNKNOWN_PERSON",
    "Box",
    "ExportedPoses",
    "FaceDetector",
    "FoundPerson",
    "Identity",
    "IdentityWish",
    "Keypoints",
    "Limb",
    "PeopleTrack",
    "PicturePoint",
    "PoseEstimator",
    "PoseTracker",
    "SeenPerson",
    "Skeleton",
    "StillPose",
    "Track",
    "TrackedVideo",
    "detect_pose",
    "export_openpose",
    "faces_for",
    "find_people",
    "head_box",
    "in_order",
    "read_openpose",
    "read_openpose_people",
    "skeleton_for",
    "track_video",
    "write_openpose",
]
