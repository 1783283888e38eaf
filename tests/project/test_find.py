from genreflow.config.names import PROJECT_FILE
from genreflow.project.find import find_project


def test_the_nearest_project_is_found_from_any_folder_below(tmp_path, monkeypatch):
    deep = tmp_path / "outer/inner/music/goa"
    deep.mkdir(parents=True)
    (tmp_path / "outer" / PROJECT_FILE).touch()
    assert find_project(deep) == tmp_path / "outer" / PROJECT_FILE
    (tmp_path / "outer/inner" / PROJECT_FILE).touch()
    monkeypatch.chdir(deep)
    assert find_project() == tmp_path / "outer/inner" / PROJECT_FILE


def test_a_folder_of_this_name_is_no_project(tmp_path):
    (tmp_path / "below" / PROJECT_FILE).mkdir(parents=True)
    (tmp_path / PROJECT_FILE).touch()
    assert find_project(tmp_path / "below") == tmp_path / PROJECT_FILE
