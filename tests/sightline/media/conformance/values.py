"""The dimensions of the matrix. Every value is what FFmpeg is asked for; whether it can do it is asked from FFmpeg."""

from __future__ import annotations

from dataclasses import dataclass, field

SIZE = (160, 120)
RATE = "25"
SECONDS = 2.0


@dataclass(frozen=True)
class Container:
    """``live``: written through a pipe, so that sizes, indexes and durations are missing."""

    suffix: str
    muxer: str
    options: tuple[str, ...] = ()
    live: bool = False


CONTAINERS = {
    "mp4": Container(".mp4", "mp4"),
    "mp4_faststart": Container(".mp4", "mp4", ("-movflags", "+faststart")),
    "mp4_fragmented": Container(".mp4", "mp4", ("-movflags", "+frag_keyframe+empty_moov+default_base_moof")),
    "mov": Container(".mov", "mov"),
    "avi": Container(".avi", "avi"),
    "mkv": Container(".mkv", "matroska"),
    "mkv_live": Container(".mkv", "matroska", live=True),
    "webm": Container(".webm", "webm"),
    "webm_live": Container(".webm", "webm", live=True),
    "flv": Container(".flv", "flv"),
    "flv_live": Container(".flv", "flv", ("-flvflags", "no_duration_filesize"), live=True),
}


@dataclass(frozen=True)
class Video:
    """A video encoder. ``size``: one that it supports, if it does not support every one."""

    encoder: str
    pixels: str | None = None
    options: tuple[str, ...] = ()
    size: tuple[int, int] = SIZE


_X265 = ("-preset", "ultrafast", "-x265-params", "log-level=none:pools=1")

VIDEOS = {
    "h264": Video("libx264", "yuv420p", ("-preset", "veryfast", "-bf", "0")),
    "h264_bframes": Video("libx264", "yuv420p", ("-preset", "veryfast", "-bf", "3", "-b_strategy", "0")),
    "h264_opengop": Video("libx264", "yuv420p", ("-preset", "veryfast", "-x264-params", "open-gop=1:bframes=2")),
    "h264_422": Video("libx264", "yuv422p", ("-preset", "veryfast")),
    "h264_444": Video("libx264", "yuv444p", ("-preset", "veryfast")),
    "h264_10bit": Video("libx264", "yuv420p10le", ("-preset", "veryfast")),
    "h264_grey": Video("libx264", "gray", ("-preset", "veryfast")),
    "h264_rgb": Video("libx264rgb", "rgb24", ("-preset", "veryfast")),
    "h264_interlaced": Video("libx264", "yuv420p", ("-preset", "veryfast", "-flags", "+ildct+ilme")),
    "h264_full_range": Video("libx264", "yuvj420p", ("-preset", "veryfast")),
    "hevc": Video("libx265", "yuv420p", _X265),
    "hevc_10bit": Video("libx265", "yuv420p10le", (*_X265, "-tag:v", "hvc1")),
    "mpeg4": Video("mpeg4", "yuv420p"),
    "mpeg4_bframes": Video("mpeg4", "yuv420p", ("-bf", "2")),
    "xvid_packed": Video("libxvid", "yuv420p", ("-bf", "2")),
    "msmpeg4v2": Video("msmpeg4v2"),
    "msmpeg4v3": Video("msmpeg4"),
    "wmv1": Video("wmv1"),
    "wmv2": Video("wmv2"),
    "h261": Video("h261", size=(176, 144)),
    "h263": Video("h263", size=(176, 144)),
    "h263p": Video("h263p"),
    "flv1": Video("flv"),
    "flashsv": Video("flashsv"),
    "flashsv2": Video("flashsv2"),
    "mpeg1": Video("mpeg1video"),
    "mpeg2": Video("mpeg2video", "yuv420p", ("-bf", "2")),
    "mpeg2_422": Video("mpeg2video", "yuv422p"),
    "mjpeg": Video("mjpeg", "yuvj420p", ("-q:v", "3")),
    "mjpeg_422": Video("mjpeg", "yuvj422p", ("-q:v", "3")),
    "ljpeg": Video("ljpeg", "bgr24"),
    "jpeg2000": Video("jpeg2000", "yuv420p"),
    "vp8": Video("libvpx", "yuv420p", ("-deadline", "realtime", "-b:v", "1M")),
    "vp8_altref": Video("libvpx", "yuv420p", ("-deadline", "good", "-cpu-used", "5", "-b:v", "300k",
                                              "-auto-alt-ref", "1", "-lag-in-frames", "12")),
    "vp8_alpha": Video("libvpx", "yuva420p", ("-deadline", "realtime", "-b:v", "1M", "-auto-alt-ref", "0")),
    "vp9": Video("libvpx-vp9", "yuv420p", ("-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M")),
    "vp9_444": Video("libvpx-vp9", "yuv444p", ("-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M")),
    "vp9_10bit": Video("libvpx-vp9", "yuv420p10le", ("-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M")),
    "av1": Video("libaom-av1", "yuv420p", ("-cpu-used", "8", "-usage", "realtime", "-b:v", "1M")),
    "theora": Video("libtheora", "yuv420p", ("-q:v", "7")),
    "prores": Video("prores_ks", "yuv422p10le"),
    "prores_4444": Video("prores_ks", "yuva444p10le", ("-profile:v", "4444")),
    "dnxhr": Video("dnxhd", "yuv422p", ("-profile:v", "dnxhr_lb"), size=(256, 144)),
    "cineform": Video("cfhd", "yuv422p10le"),
    "huffyuv": Video("huffyuv", "yuv422p"),
    "ffvhuff": Video("ffvhuff", "yuv420p"),
    "ffv1": Video("ffv1", "yuv420p"),
    "ffv1_16bit": Video("ffv1", "gray16le"),
    "utvideo": Video("utvideo", "yuv420p"),
    "magicyuv": Video("magicyuv", "yuv420p"),
    "raw_yuv420p": Video("rawvideo", "yuv420p"),
    "raw_yuyv": Video("rawvideo", "yuyv422"),
    "raw_bgr24": Video("rawvideo", "bgr24"),
    "raw_grey": Video("rawvideo", "gray"),
    "v210": Video("v210"),
    "r210": Video("r210"),
    "dv": Video("dvvideo", "yuv411p", size=(720, 480)),
    "png": Video("png", "rgb24"),
    "png_alpha": Video("png", "rgba"),
    "tiff": Video("tiff", "rgb24"),
    "qtrle": Video("qtrle", "rgb24"),
    "gif": Video("gif", "gray"),
    "svq1": Video("svq1"),
    "cinepak": Video("cinepak", "rgb24", size=(96, 72)),
    "rpza": Video("rpza"),
    "msvideo1": Video("msvideo1"),
    "zmbv": Video("zmbv", "bgr0"),
    "zlib": Video("zlib"),
    "snow": Video("snow", "yuv420p", ("-strict", "-2")),
    "dirac": Video("vc2", "yuv420p"),
    "asv1": Video("asv1"),
    "hap": Video("hap", "rgba"),
}  # fmt: skip

COMMON_VIDEOS = {
    "h264", "h264_bframes", "h264_10bit", "h264_full_range", "h264_interlaced", "hevc", "hevc_10bit", "mpeg4",
    "mpeg4_bframes", "mpeg2", "mjpeg", "vp8", "vp9", "av1", "prores", "dv", "raw_yuv420p",
}  # fmt: skip
"""Of :data:`VIDEOS`, what phones, cameras and browsers write; the short matrix has them all."""


@dataclass(frozen=True)
class Audio:
    """An audio encoder."""

    encoder: str
    options: tuple[str, ...] = ()


AUDIOS = {
    "none": None,
    "aac": Audio("aac"),
    "mp3": Audio("libmp3lame"),
    "mp2": Audio("mp2"),
    "ac3": Audio("ac3"),
    "eac3": Audio("eac3"),
    "dts": Audio("dca", ("-strict", "-2")),
    "truehd": Audio("truehd", ("-strict", "-2")),
    "opus": Audio("libopus"),
    "vorbis": Audio("libvorbis"),
    "speex": Audio("libspeex"),
    "flac": Audio("flac"),
    "alac": Audio("alac"),
    "tta": Audio("tta"),
    "wavpack": Audio("wavpack"),
    "pcm_u8": Audio("pcm_u8"),
    "pcm_s16le": Audio("pcm_s16le"),
    "pcm_s16be": Audio("pcm_s16be"),
    "pcm_s24le": Audio("pcm_s24le"),
    "pcm_s32le": Audio("pcm_s32le"),
    "pcm_f32le": Audio("pcm_f32le"),
    "pcm_f64le": Audio("pcm_f64le"),
    "pcm_mulaw": Audio("pcm_mulaw"),
    "pcm_alaw": Audio("pcm_alaw"),
    "adpcm_ms": Audio("adpcm_ms"),
    "adpcm_ima_wav": Audio("adpcm_ima_wav"),
    "adpcm_ima_qt": Audio("adpcm_ima_qt"),
    "adpcm_swf": Audio("adpcm_swf"),
    "adpcm_yamaha": Audio("adpcm_yamaha"),
    "g726": Audio("g726", ("-code_size", "4")),
    "gsm_ms": Audio("libgsm_ms"),
    "wmav1": Audio("wmav1"),
    "wmav2": Audio("wmav2"),
    "nellymoser": Audio("nellymoser"),
}

LAYOUTS = {
    "mono": "FC",
    "stereo": "FL+FR",
    "2.1": "FL+FR+LFE",
    "3.0": "FL+FR+FC",
    "4.0": "FL+FR+FC+BC",
    "quad": "FL+FR+BL+BR",
    "5.0": "FL+FR+FC+BL+BR",
    "5.1": "FL+FR+FC+LFE+BL+BR",
    "5.1(side)": "FL+FR+FC+LFE+SL+SR",
    "6.1": "FL+FR+FC+LFE+BC+SL+SR",
    "7.1": "FL+FR+FC+LFE+BL+BR+SL+SR",
}
"""FFmpeg's channel layouts and the order of their channels."""

RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 37800, 44100, 48000, 64000, 88200, 96000)

_MOV = ("mp4", "mp4_faststart", "mp4_fragmented", "mov")
_INDEXED_MOV = ("mp4", "mp4_faststart", "mov")
_H264 = tuple(name for name in VIDEOS if name.startswith("h264"))
_UNIT = 1 << 16


@dataclass(frozen=True)
class Geometry:
    """How the picture is stored.

    ``matrix``: a, b, c, d of the display matrix of MP4 and MOV. ``filters``: of the picture before encoding.
    ``bsf``: filter of the encoded stream. ``aspect``: display aspect ratio in the
    container only. ``resized``: scale of the second half.
    """

    containers: tuple[str, ...] = tuple(CONTAINERS)
    videos: tuple[str, ...] = tuple(VIDEOS)
    size: tuple[int, int] | None = None
    matrix: tuple[int, int, int, int] | None = None
    filters: tuple[str, ...] = ()
    bsf: str | None = None
    aspect: str | None = None
    resized: float | None = None


def _turned(a: float, b: float, c: float, d: float, *filters: str) -> Geometry:
    matrix = (round(a * _UNIT), round(b * _UNIT), round(c * _UNIT), round(d * _UNIT))
    return Geometry(containers=_MOV, matrix=matrix, filters=filters)


_R = 0.5**0.5
GEOMETRIES = {
    "plain": Geometry(),
    "rot90": _turned(0, 1, -1, 0),
    "rot180": _turned(-1, 0, 0, -1),
    "rot270": _turned(0, -1, 1, 0),
    "rot45": _turned(_R, _R, -_R, _R),
    "hflip": _turned(-1, 0, 0, 1),
    "vflip": _turned(1, 0, 0, -1),
    "transpose": _turned(0, 1, 1, 0),
    "antitranspose": _turned(0, -1, -1, 0),
    "sar15_8": Geometry(filters=("setsar=15/8",)),
    "sar8_9": Geometry(filters=("setsar=8/9",)),
    "sar64_45": Geometry(filters=("setsar=64/45",)),
    "sar15_8_rot90": _turned(0, 1, -1, 0, "setsar=15/8"),
    "sar8_9_hflip": _turned(-1, 0, 0, 1, "setsar=8/9"),
    "sar_in_stream": Geometry(
        videos=_H264, filters=("setsar=0",), bsf="h264_metadata=sample_aspect_ratio=15/8"
    ),
    "sar_in_container": Geometry(filters=("setsar=0",), aspect="5:2"),
    "sar_conflict": Geometry(filters=("setsar=8/9",), aspect="5:2"),
    "odd": Geometry(size=(161, 121)),
    "odd_sar": Geometry(size=(161, 121), filters=("setsar=8/9",)),
    "portrait": Geometry(size=(90, 162)),
    "shrinking": Geometry(containers=("mkv", "webm", "mkv_live", "webm_live"),
                          videos=("vp8", "vp9", "h264", "mjpeg"), resized=0.5),
    "growing": Geometry(containers=("mkv", "webm", "mkv_live", "webm_live"),
                        videos=("vp8", "vp9", "h264", "mjpeg"), resized=1.5),
}  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """How the times are stored. Offsets are in seconds.

    ``filters``: of the frames before encoding; with ``variable`` their times are kept. ``default``: for each of several
    audio tracks, whether it is marked as default. ``edits``: see ``boxes.patch_edits``.
    """

    containers: tuple[str, ...] = tuple(CONTAINERS)
    videos: tuple[str, ...] = tuple(VIDEOS)
    rate: str = RATE
    seconds: float = SECONDS
    video_offset: float = 0.0
    audio_offset: float = 0.0
    audio_seconds: float | None = None
    audio_filter: str | None = None
    filters: tuple[str, ...] = ()
    variable: bool = False
    bsf: str | None = None
    options: tuple[str, ...] = ()
    cut: float | None = None
    ends: float | None = None
    default: tuple[bool, ...] = field(default=())
    extra: str | None = None

    @property
    def needs_audio(self) -> bool:
        """Whether the value has a meaning only with sound."""
        return bool(self.audio_offset or self.video_offset or self.audio_seconds or self.audio_filter or self.default)


_REORDERED = ("h264_bframes", "h264_opengop", "hevc", "mpeg4_bframes", "mpeg2")
_VFR = "settb=1/1000,setpts='(40*N+13*mod(N\\,3))'"
_TRACKS = ("mp4", "mp4_fragmented", "mov", "mkv", "webm", "mkv_live")

TIMINGS = {
    "plain": Timing(),
    "audio_late": Timing(audio_offset=0.3),
    "audio_early": Timing(video_offset=0.3),
    "audio_short": Timing(audio_seconds=1.5),
    "audio_long": Timing(audio_seconds=3.0),
    "audio_gap": Timing(audio_filter="aselect='not(between(t,0.3,0.6))'"),
    "start5": Timing(options=("-output_ts_offset", "5")),
    "edit_start": Timing(containers=_INDEXED_MOV, cut=0.5),
    "edit_end": Timing(containers=_INDEXED_MOV, ends=1.4),
    "edit_none": Timing(containers=_INDEXED_MOV, videos=_REORDERED, options=("-use_editlist", "0")),
    "variable": Timing(filters=(_VFR,), variable=True),
    "video_gap": Timing(filters=("settb=1/1000,setpts='40*(N+15*gte(N\\,35))'",), variable=True),
    "duplicates": Timing(bsf="setts=pts=PTS+1-eq(mod(N\\,10)\\,5)"),
    "decreasing": Timing(bsf="setts=pts=PTS+2-2*eq(mod(N\\,10)\\,5)"),
    "no_keyframe": Timing(bsf="noise=drop=lt(n\\,3)"),
    "ntsc": Timing(rate="30000/1001"),
    "film": Timing(rate="24000/1001"),
    "fps1": Timing(rate="1", seconds=4.0),
    "fps120": Timing(rate="120"),
    "subtitle_long": Timing(extra="subtitle"),
    "timecode": Timing(containers=_MOV, options=("-timecode", "10:00:00:00")),
    "cover": Timing(containers=("mp4", "mp4_faststart", "mov", "mkv"), extra="cover"),
    "default_first": Timing(containers=_TRACKS, default=(True, False)),
    "default_second": Timing(containers=_TRACKS, default=(False, True)),
    "default_none": Timing(containers=_TRACKS, default=(False, False)),
}  # fmt: skip
