"""Poses of people in videos and photos, faces to be blurred, and the files of poses."""

from sightline.pose.appearance import Appearance
from sightline.pose.body import body_outline, head_box
from sightline.pose.choice import choose_patient
from sightline.pose.estimator import PoseEstimator
from sightline.pose.faces import FaceDetector
from sightline.pose.identity import Identity, IdentityWish, PicturePoint, SeenPerson
from sightline.pose.openpose import UNKNOWN_PERSON, in_order, read_openpose, read_openpose_people, write_openpose
from sightline.pose.openpose_export import ExportedPoses, export_openpose
from sightline.pose.people import Box, FoundPerson, find_people
from sightline.pose.people_track import PeopleTrack
from sightline.pose.people_tracker import PeopleTracker
from sightline.pose.photo import detect_pose
from sightline.pose.silhouettes import sample_people
from sightline.pose.skeleton import BODY_25, JOINTS, LIMBS, SEEN, Keypoints, Limb, Skeleton
from sightline.pose.track import Track
from sightline.pose.video import StillPose, TrackedVideo, TrackingOutputs, track_video, tracking_outputs

__all__ = [
    "BODY_25",
    "JOINTS",
    "LIMBS",
    "SEEN",
    "UNKNOWN_PERSON",
    "Appearance",
    "Box",
    "ExportedPoses",
    "FaceDetector",
    "FoundPerson",
    "Identity",
    "IdentityWish",
    "Keypoints",
    "Limb",
    "PeopleTrack",
    "PeopleTracker",
    "PicturePoint",
    "PoseEstimator",
    "SeenPerson",
    "Skeleton",
    "StillPose",
    "Track",
    "TrackedVideo",
    "TrackingOutputs",
    "body_outline",
    "choose_patient",
    "detect_pose",
    "export_openpose",
    "find_people",
    "head_box",
    "in_order",
    "read_openpose",
    "read_openpose_people",
    "sample_people",
    "track_video",
    "tracking_outputs",
    "write_openpose",
]
