"""The link of a tunnel, as the person at the notebook sees it and follows it."""

from __future__ import annotations

import pytest

from tests.browser.cells import LOAD, RUN_ALL, cell, output, picture
from tests.served import page_server
from tests.ssh_server import Home, free_port, running_sshd, until

pytestmark = pytest.mark.browser

PROJECT = """\
projectname: tunnelled
conditions: {{executorNames: [local], nodes: 1, processesPerNode: 1, cpu: 100m, mem: 100Mi, walltime: 600}}
environment: {{docker: none, cmd: python3, source: main.py}}
tunnel: {{jumpHost: 127.0.0.1, jumpHostPort: {login}, host: localhost, remotePort: {port}}}
"""


@pytest.mark.parametrize("notebook_7", [False, True], ids=["JupyterLab", "Notebook 7"])
def test_a_click_on_the_link_opens_the_page_of_the_job(lab, new_notebook, go, tmp_path, notebook_7):
    home, port = Home(tmp_path / "home"), free_port()
    home.path.mkdir()
    with running_sshd(tmp_path / "sshd") as server:
        server.authorize(home.key())
        home.know(server.line)
        at_home = f"import os; os.environ['HOME'] = {str(home.path)!r}; os.environ.pop('SSH_AUTH_SOCK', None)"
        page = new_notebook(LOAD, at_home, f"%%pollinate local\n{page_server(port, go)}", notebook_7=notebook_7)
        (lab.root / tmp_path.name / "project.yaml").write_text(PROJECT.format(login=server.port, port=port))

        page.evaluate(RUN_ALL)
        link = output(page, 2).get_by_role("link", name="http://127.0.0.1:")
        link.wait_for()
        output(page, 2).get_by_text("begun", exact=True).wait_for()
        picture(cell(page, 2), f"tunnel-{'notebook' if notebook_7 else 'lab'}")
        with page.expect_popup() as opened:
            link.click()
        opened.value.get_by_text("from the job").wait_for()
        opened.value.close()
        go.touch()

        output(page, 2).get_by_text("success after").wait_for()
        output(page, 2).get_by_role("link", name="http://127.0.0.1:").wait_for(state="detached")
        until(lambda: server.sessions() == [])
        picture(cell(page, 2), "tunnel-ended")


def test_a_tunnel_that_is_refused_is_readable_in_the_card(lab, new_notebook, go, tmp_path):
    home, port = Home(tmp_path / "home"), free_port()
    home.path.mkdir()
    with running_sshd(tmp_path / "sshd") as server:
        home.key()
        at_home = f"import os; os.environ['HOME'] = {str(home.path)!r}; os.environ.pop('SSH_AUTH_SOCK', None)"
        page = new_notebook(LOAD, at_home, f"%%pollinate local\n{page_server(port, go)}")
        (lab.root / tmp_path.name / "project.yaml").write_text(PROJECT.format(login=server.port, port=port))

        page.evaluate(RUN_ALL)
        card = output(page, 2)
        card.get_by_text("There is no tunnel, and the job goes on.").first.wait_for()
        assert card.get_by_text(server.line).first.is_visible()
        picture(cell(page, 2), "tunnel-refused")
        go.touch()
        card.get_by_text("success after").wait_for()
