import pytest

from pollinator_magic.project import Project


@pytest.fixture
def project(tmp_path):
    return Project.create(tmp_path / "project", "local")


@pytest.fixture
def edited(project):
    """Open the project after replacing text in its project.yaml."""

    def edit(old, new):
        text = project.file.read_text()
        assert old in text
        project.file.write_text(text.replace(old, new))
        return Project.open(project.root)

    return edit
