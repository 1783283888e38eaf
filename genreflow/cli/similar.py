"""`genreflow similar`: the tracks of the library that sound most like a track."""

import argparse
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import print_json, print_result, quoted
from genreflow.cli.exits import Exit
from genreflow.cli.places import entered, from_here, project_folder

_DESCRIPTION = """\
List the tracks of the library that sound most like a track, by the cosine between standardized means of embeddings or,
where the library has none, of what its models are fed. TRACK is a track of the library, by its title or file name, or
an audio file of your own.
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = _DESCRIPTION
    parser.add_argument("track", type=shared.path, help="title or file name of a track, or an audio file")
    parser.add_argument(
        "--top", type=shared.count, default=10, metavar="N", help="tracks listed (default: %(default)s)"
    )
    parser.add_argument("--study", help="compare by the input that the study's map is drawn from")
    parser.add_argument("--input", help="compare by this input: its folder below results, or the name of that")
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Find and print; return 0.

    Raises
    ------
    UserError
        When there is no library, no such track, or the file cannot be used.
    """
    from genreflow.inference.similar import choose_input, find_similar

    folder = project_folder()
    track = options.track if folder == Path.cwd() else from_here(options.track)
    with entered(folder):
        result = find_similar(track, choose_input(study=options.study, name=options.input), most=options.top)
    rows = result.tracks.to_dict("records")
    if options.json:
        values = {"track": result.title, "input": str(result.input.parent), "tracks": rows}
        print_json("similar", values, similarity="cosine")
        return Exit.OK
    width = max([len(row["title"]) for row in rows], default=0)
    print(f"Sounds like {result.title}:\n")
    for rank, row in enumerate(rows, 1):
        print(f"{rank:4}  {row['similarity']:5.2f}  {row['title']:<{width}}  {row['label']}".rstrip())
    following = f"genreflow similar {quoted(rows[0]['title'])}" if rows else ""
    print()
    print_result(f"Cosine similarity of {result.words}.", following=following)
    return Exit.OK
