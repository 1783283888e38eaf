"""Public networks by name: source, license, citation, training data, tags and checksums. No torch is imported here."""

from dataclasses import dataclass

from genreflow.errors import UserError, did_you_mean

MTT_TAGS = (
    "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient",
    "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no vocals",
    "harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man",
    "classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello",
    "no voice", "weird", "country", "metal", "female voice", "choral",
)  # fmt: skip
MSD_TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock", "jazz",
    "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow", "electronica",
    "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic",
    "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening", "sexy",
    "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop", "sad", "House", "happy",
)  # fmt: skip

# The 50 most frequent tags of MTG-Jamendo's autotagging split, sorted.
JAMENDO_TAGS = (
    "genre---alternative",
    "genre---ambient",
    "genre---atmospheric",
    "genre---chillout",
    "genre---classical",
    "genre---dance",
    "genre---downtempo",
    "genre---easylistening",
    "genre---electronic",
    "genre---experimental",
    "genre---folk",
    "genre---funk",
    "genre---hiphop",
    "genre---house",
    "genre---indie",
    "genre---instrumentalpop",
    "genre---jazz",
    "genre---lounge",
    "genre---metal",
    "genre---newage",
    "genre---orchestral",
    "genre---pop",
    "genre---popfolk",
    "genre---poprock",
    "genre---reggae",
    "genre---rock",
    "genre---soundtrack",
    "genre---techno",
    "genre---trance",
    "genre---triphop",
    "genre---world",
    "instrument---acousticguitar",
    "instrument---bass",
    "instrument---computer",
    "instrument---drummachine",
    "instrument---drums",
    "instrument---electricguitar",
    "instrument---electricpiano",
    "instrument---guitar",
    "instrument---keyboard",
    "instrument---piano",
    "instrument---strings",
    "instrument---synthesizer",
    "instrument---violin",
    "instrument---voice",
    "mood/theme---emotional",
    "mood/theme---energetic",
    "mood/theme---film",
    "mood/theme---happy",
    "mood/theme---relaxing",
)


@dataclass(frozen=True)
class Source:
    """A package of the Python package index that carries weights.

    Attributes
    ----------
    requirement
        Name and version for pip.
    file, sha256
        Name and digest of its wheel.
    megabytes
        Size of the wheel.
    license, citation
        Terms of the weights, and the publication to cite.
    """

    requirement: str
    file: str
    sha256: str
    megabytes: int
    license: str
    citation: str


@dataclass(frozen=True)
class PublicNetwork:
    """A network whose weights are public.

    Attributes
    ----------
    name
        Name in study files and commands.
    model
        Its network in `genreflow.models.registry`.
    source
        Package that carries the weights.
    folder
        Folder of its checkpoint in the wheel.
    trained_on
        Training data.
    tags
        Tags in the order of the outputs.
    width
        Values of its embedding.
    """

    name: str
    model: str
    source: Source
    folder: str
    trained_on: str
    tags: tuple[str, ...]
    width: int


MUSICNN = Source(
    requirement="musicnn==0.1.0",
    file="musicnn-0.1.0-py3-none-any.whl",
    sha256="f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
    megabytes=29,
    license="ISC, © 2019 Music Technology Group, Universitat Pompeu Fabra",
    citation="Jordi Pons and Xavier Serra, musicnn: pre-trained convolutional neural networks for music audio tagging, "
    "Late-Breaking/Demo of ISMIR 2019",
)
# Name for `genreflow weights get` -> source. One wheel carries several networks.
SOURCES = {"musicnn": MUSICNN}
_MTT = "MagnaTagATune, 50 tags by players of a game"
_MSD = "the Million Song Dataset, 50 tags of Last.fm"
NETWORKS = {
    network.name: network
    for network in (
        PublicNetwork("MSD_musicnn", "pons_musicnn", MUSICNN, "musicnn/MSD_musicnn", _MSD, MSD_TAGS, 200),
        PublicNetwork("MTT_musicnn", "pons_musicnn", MUSICNN, "musicnn/MTT_musicnn", _MTT, MTT_TAGS, 200),
        PublicNetwork("MSD_vgg", "pons_vgg", MUSICNN, "musicnn/MSD_vgg", _MSD, MSD_TAGS, 256),
        PublicNetwork("MTT_vgg", "pons_vgg", MUSICNN, "musicnn/MTT_vgg", _MTT, MTT_TAGS, 256),
    )
}


def source_of(name: str) -> tuple[str, Source]:
    """Return the source of a name of `SOURCES` or `NETWORKS`, and its own name.

    Raises
    ------
    UserError
        When there is none.
    """
    if name in SOURCES:
        return name, SOURCES[name]
    if name in NETWORKS:
        source = NETWORKS[name].source
        return next(key for key, value in SOURCES.items() if value is source), source
    hint = did_you_mean(name, [*SOURCES, *NETWORKS])
    raise UserError(f"There are no public weights {name!r}.{hint} `genreflow weights list` shows them.")
