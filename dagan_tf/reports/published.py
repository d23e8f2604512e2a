"""Figures that others published on IJB-A; never ours, and never shown among ours."""

from dataclasses import dataclass

POSTER = "DA-GAN's poster (Zhao et al., NIPS 2017)"
PIM = "Zhao et al., IJCV 2019, Table 8"


@dataclass(frozen=True)
class Published:
    """A row of a table in a paper, mean ± deviation over the 10 splits as printed; "" = not given.

    Attributes:
        method: Its name there.
        values: As many as the table has columns.
        source: Where the row was read; the methods' own papers were not.
    """

    method: str
    values: tuple[str, ...]
    source: str


VERIFICATION_COLUMNS = ("TAR@FAR=0.1", "TAR@FAR=0.01", "TAR@FAR=0.001")
VERIFICATION = tuple(
    Published(name, tuple(values), POSTER)
    for name, *values in (
        ("OpenBR", ".433±.006", ".236±.009", ".104±.014"),
        ("GOTS", ".627±.012", ".406±.014", ".198±.008"),
        ("Pooling faces", ".631", ".309", ""),
        ("LSFS", ".895±.013", ".733±.034", ".514±.060"),
        ("Deep multi-pose", ".911", ".787", ""),
        ("DCNN manual", ".947±.011", ".787±.043", ""),
        ("Triplet Similarity", ".945±.002", ".790±.030", ".590±.050"),
        ("VGG-Face", "", ".805±.030", ""),
        ("PAMs", ".652±.037", ".826±.018", ""),
        ("DCNN fusion", ".967±.009", ".838±.042", ""),
        ("Masi et al.", "", ".886", ".725"),
        ("Triplet Embedding", ".964±.005", ".900±.010", ".813±.020"),
        ("All-In-One", ".976±.004", ".922±.010", ".823±.020"),
        ("Template Adaptation", ".979±.004", ".939±.013", ".836±.027"),
        ("NAN", ".978±.003", ".941±.008", ".881±.011"),
        ("L2-softmax", ".984±.002", ".970±.004", ".943±.005"),
        ("b-1", ".989±.003", ".963±.007", ".920±.006"),
        ("b-2", ".978±.003", ".950±.009", ".901±.008"),
        ("DA-GAN", ".991±.003", ".976±.007", ".930±.005"),
    )
)

IDENTIFICATION_COLUMNS = ("FNIR@FPIR=0.1", "FNIR@FPIR=0.01", "rank-1")
IDENTIFICATION = tuple(
    Published(name, tuple(values), PIM)
    for name, *values in (
        ("OpenBR", ".851±.028", ".934±.017", ".246±.011"),
        ("GOTS", ".765±.033", ".953±.024", ".433±.021"),
        ("LSFS", ".387±.032", ".617±.063", ".820±.024"),
        ("Pooling faces", "", "", ".846"),
        ("Deep multi-pose", ".250", ".480", ".846"),
        ("VGG-Face", ".33±.031", ".539±.077", ".913±.011"),
        ("PAMs", "", "", ".840±.012"),
        ("Masi et al.", "", "", ".906"),
        ("Triplet Embedding", ".137±.014", ".247±.030", ".932±.010"),
        ("All-In-One", ".113±.014", ".208±.020", ".947±.008"),
        ("PIM", ".108±.009", ".185±.023", ".944±.011"),
    )
)
