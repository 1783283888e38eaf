"""The columns of the tables that a page shows, in their order."""

from genreflow.report import tables
from genreflow.report.tables import Column


def _named(heading: str, key: str) -> Column:
    return Column(heading, (key,), tables.text, numeric=False)


MODEL, SETTING, PROTOCOL = _named("Model", "model"), _named("Setting", "setting"), _named("Protocol", "protocol")
PUBLISHED = Column("Published slice accuracy ± SD", ("published_mean", "published_sd"), tables.plus_minus)
SLICE = Column("Slice accuracy", ("slice_accuracy", "slice_low", "slice_high"), tables.interval)
MAJORITY = Column(
    "Track accuracy, majority vote", ("track_majority", "track_majority_low", "track_majority_high"), tables.interval
)
DIFFERENCE = Column("Ours − published (points)", ("difference",), tables.points)
BATCH = Column("Batch accuracy ± SD", ("batch_mean", "batch_sd"), tables.plus_minus)
TRAIN = Column("Training accuracy", ("train_accuracy",), tables.percent)

AUDIT = (
    _named("Class", "class"),
    Column("Tracks", ("tracks",), tables.count),
    Column("Groups", ("groups",), tables.count),
    Column("Accepted", ("accepted",), tables.count),
    Column("Used, in doubt", ("warned",), tables.count),
    Column("Quarantined", ("quarantined",), tables.count),
    Column("Other files, passed over", ("ignored",), tables.count),
    Column("Slices", ("slices",), tables.count),
    Column("Tracks padded", ("padded",), tables.count),
    Column("Hours", ("hours",), tables.number),
)
QUARANTINE = (
    _named("Dataset", "dataset"),
    _named("File", "title"),
    _named("Reason", "reason"),
    _named("What is wrong", "message"),
)
WARNINGS = (
    _named("Reason", "reason"),
    _named("Kind", "kind"),
    Column("Tracks", ("tracks",), tables.count),
    Column("Share (%)", ("share",), tables.percent),
    _named("For example", "title"),
    _named("What is odd", "message"),
)
WARNED = (_named("Track", "title"), _named("Reason", "reason"), _named("What is odd", "message"))
COPIES = (
    _named("Recording", "recording"),
    _named("Track", "title"),
    _named("Class", "class"),
    _named("Verdict", "verdict"),
    _named("What is known", "message"),
)
LEAKAGE = (
    PROTOCOL,
    _named("Check", "check"),
    _named("Fold", "fold"),
    _named("What", "what"),
    Column("Tracks", ("tracks",), tables.count),
    Column("Share (%)", ("share",), tables.percent),
    _named("Verdict", "verdict"),
    _named("Finding", "message"),
)
BANDWIDTH = (
    PROTOCOL,
    _named("Class", "class"),
    Column("Tracks", ("tracks",), tables.count),
    Column("10 %", ("p10",), tables.kilo),
    Column("Median", ("median",), tables.kilo),
    Column("90 %", ("p90",), tables.kilo),
    _named("Codecs", "codecs"),
)
ROC = Column("ROC-AUC, mean of tags", ("roc_auc", "roc_auc_low", "roc_auc_high"), tables.interval)
PR = Column("PR-AUC, mean of tags", ("pr_auc", "pr_auc_low", "pr_auc_high"), tables.interval)
SETTINGS = (
    MODEL,
    SETTING,
    PROTOCOL,
    ROC,
    PR,
    Column("Majority baseline", ("baseline",), tables.percent),
    SLICE,
    PUBLISHED,
    DIFFERENCE,
    MAJORITY,
    Column("Track accuracy, mean probability", ("track_mean", "track_mean_low", "track_mean_high"), tables.interval),
    TRAIN,
)
MEASURES = (
    MODEL,
    SETTING,
    BATCH,
    Column("SD of slice accuracy over folds", ("slice_fold_sd",), tables.percent),
    Column("Balanced track accuracy", ("balanced",), tables.percent),
    Column("Tracks", ("tracks",), tables.count),
    Column("Slices", ("slices",), tables.count),
    Column("Folds", ("folds",), tables.count),
    Column("Diverged folds", ("diverged",), tables.count),
)
RUNS = (
    MODEL,
    SETTING,
    _named("Fold", "fold"),
    _named("Status", "status"),
    Column("Training tracks", ("train_tracks",), tables.count),
    Column("Test tracks", ("test_tracks",), tables.count),
    Column("Test slices", ("test_slices",), tables.count),
    Column("Slice accuracy (%)", ("slice_accuracy",), tables.percent),
    Column("Track accuracy, majority vote (%)", ("track_accuracy_majority",), tables.percent),
    Column("Track accuracy, mean probability (%)", ("track_accuracy_mean",), tables.percent),
    Column("Training accuracy (%)", ("train_accuracy",), tables.percent),
    Column("Epochs", ("epochs",), tables.count),
    Column("Time", ("seconds",), tables.duration),
    _named("Device", "device"),
)
EXPERIMENT = (
    _named("Value", "value"),
    PROTOCOL,
    ROC,
    Column("Published ROC-AUC", ("published_roc_auc",), tables.percent),
    Column("Published ROC-AUC, validation", ("published_validation_roc_auc",), tables.percent),
    PR,
    Column("Published PR-AUC", ("published_pr_auc",), tables.percent),
    Column("Published PR-AUC, validation", ("published_validation_pr_auc",), tables.percent),
    Column("Published track accuracy", ("published_track",), tables.percent),
    Column("Validation accuracy", ("validation_accuracy",), tables.percent),
    Column("Published validation accuracy", ("published_validation",), tables.percent),
    SLICE,
    PUBLISHED,
    DIFFERENCE,
    BATCH,
    MAJORITY,
    TRAIN,
    Column("Published training accuracy", ("published_train",), tables.percent),
)
COMPARISONS = (
    PROTOCOL,
    _named("First", "a"),
    _named("Second", "b"),
    Column("Tracks", ("tracks",), tables.count),
    Column("Difference", ("difference",), tables.points),
    Column("from", ("low",), tables.points),
    Column("to", ("high",), tables.points),
    Column("p, corrected", ("p_holm",), tables.number),
    Column("Difference over folds", ("fold_difference",), tables.points),
    Column("p over folds, corrected", ("fold_p_holm",), tables.number),
    _named("Verdict", "verdict"),
)
TAGS = (
    _named("Tag", "tag"),
    Column("Tracks", ("positives",), tables.count),
    Column("Chance", ("base_rate",), tables.percent),
    ROC,
    PR,
    Column("Precision", ("precision",), tables.percent),
    Column("Recall", ("recall",), tables.percent),
    Column("F1", ("f1",), tables.percent),
)
SCORES = (
    _named("Metric", "metric"),
    Column("Value", ("value",), tables.number),
    Column("Published", ("published",), tables.number),
)
CLASSES = (
    _named("Class", "class"),
    Column("Precision (%)", ("precision",), tables.percent),
    Column("Recall (%)", ("recall",), tables.percent),
    Column("F1 (%)", ("f1",), tables.percent),
    Column("Support", ("support",), tables.count),
)
TRACKS = (
    _named("Fold", "fold"),
    _named("Track", "title"),
    _named("True class", "true"),
    _named("Majority vote", "predicted_majority"),
    Column("Slices for it (%)", ("share",), tables.percent),
    _named("Runner-up", "runner_up"),
    _named("Mean probability", "predicted_mean"),
    Column("Its probability (%)", ("probability",), tables.percent),
    Column("Slices", ("slices",), tables.count),
)
COST = (
    MODEL,
    SETTING,
    _named("Device", "device"),
    Column("Runs", ("runs",), tables.count),
    Column("Median", ("median",), tables.duration),
    Column("Longest", ("longest",), tables.duration),
    Column("Total", ("total",), tables.duration),
)
_SUSPECT = (
    _named("Track", "title"),
    _named("Its label", "label"),
    _named("Rather", "suggested"),
    _named("Why", "reason"),
    Column("Suspicion", ("score",), tables.number),
)
_PAIR = (
    _named("Track", "title"),
    _named("Its label", "label"),
    _named("The other track", "other_title"),
    _named("Its label", "suggested"),
    _named("Why", "reason"),
)
SUSPECTS = {"conflict": _PAIR, "label": _SUSPECT, "copy": _PAIR}
STAGES = (
    _named("Stage", "stage"),
    Column("Jobs", ("jobs",), tables.count),
    Column("On record", ("recorded",), tables.count),
    Column("Time", ("seconds",), tables.duration),
    Column("On a GPU", ("gpu_seconds",), tables.duration),
    Column("Median of a job", ("median",), tables.duration),
    Column("Longest", ("longest",), tables.duration),
    Column("All attempts", ("spent",), tables.duration),
)
