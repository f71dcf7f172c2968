"""What `lifeboat failover` says and asks at a terminal, and what Ctrl-C does there, at each point of a switch."""

import contextlib
import os
import re
import signal

from support.writing import Writing

QUESTION = 'Type "%s" to go on: '


class Commanding(Writing):
    def standing(self):
        """What a switch would change."""
        return [(node.status().get('role'), node.status().get('term'), node.has_service(), self.hooks(node)) for node in self.alive]

    @property
    def alive(self):
        return [node for node in self.pair.nodes if node.netsvc.process.poll() is None]

    def hooks(self, node):
        """Those that were run."""
        with contextlib.suppress(FileNotFoundError), open(node.path('hooks')) as file:
            return file.read().split()
        return []

    @contextlib.contextmanager
    def nothing_changes(self):
        before = self.standing()
        yield
        self.assertEqual(before, self.standing())


class Forced(Commanding):
    """On the standby, whose other node is lost."""

    def lose(self):
        self.pair.a.kill()
        self.until_alone()

    def check_text(self, said):
        self.assertIn('Node b takes over by force.\n', said)
        self.assertRegex(said, r"\nThis node (has all|is \d+ s behind: (about|at least) \d+ changes? in \d databases?); heard of the other's CouchDB [^\n]+ ago\.\n")
        self.assertIn('What the other node took in after that is missing until that node is back, and then brought in by itself.', said)

    def answer(self, word, *more, code):
        shell = self.pair.b.at_terminal('failover', '--force', *more)
        shell.wait_for(QUESTION % 'b')
        shell.type(word + '\n')
        return shell.wait(code)

    def test_it_says_what_would_be_missing_and_only_the_nodes_name_does_it(self):
        self.lose()
        with self.nothing_changes():
            for word in ('n', '', 'y', 'yes', 'a'):
                said = self.answer(word, code=1)
                self.check_text(said)
                self.assertIn('lifeboat: nothing was changed', said)
        said = self.answer('b', code=0)
        self.assertIn('the switch is done', said)
        self.assertNotIn('nothing was changed', said)
        self.assertEqual('active', self.pair.b.role())
        self.writer.wait(20)

    def test_ctrl_c_at_the_question_changes_nothing(self):
        self.lose()
        with self.nothing_changes():
            shell = self.pair.b.at_terminal('failover', '--force')
            shell.wait_for(QUESTION % 'b')
            shell.press_ctrl_c()
            shell.wait(-signal.SIGINT)

    def test_a_dry_run_says_the_same_and_changes_nothing(self):
        self.lose()
        with self.nothing_changes():
            for more in ((), ('--yes',), ('--fenced',)):
                said = self.pair.b.do('failover', '--force', '--dry-run', *more)
                self.check_text(said)
                self.assertIn('\nnothing was changed\n', said)
                self.assertEqual('--fenced' in more, "You say that the other node's power or network cable is cut" in said)

    def test_without_a_terminal_it_wants_to_be_told(self):
        self.lose()
        with self.nothing_changes():
            said = self.pair.b.do('failover', '--force', expect=2)
            self.assertIn('lifeboat: there is no terminal to ask at\nhint: --yes takes over without asking\n', said)

    def lag(self):
        return self.pair.b.status()['replicator']['lag']

    def test_it_counts_what_the_standby_knew_of_and_had_not(self):
        self.writer.stop()
        self.pair.b.wait_until(lambda: self.lag()['changes'] == 0, 'it does not catch up')
        self.assertIn('This node has all; heard of', self.pair.b.do('failover', '--force', '--dry-run'))
        late = set()

        def flood():
            """Faster than b follows."""
            more = {'late-%06d' % (len(late) + n) for n in range(3000)}
            self.pair.a.ask('POST', '/clinic/_bulk_docs', {'docs': [{'_id': id, 'text': 'x' * 200} for id in more]})
            late.update(more)
            return self.lag()['changes'] > 1000
        self.pair.b.wait_until(flood, 'it does not hear of them')
        self.lose()
        said = self.pair.b.do('failover', '--force', '--dry-run')
        self.check_text(said)
        self.assertTrue(late - self.pair.b.documents('clinic'))
        told = int(re.search(r' behind: (?:about|at least) (\d+) ', said)[1])
        self.assertTrue(0 < told <= len(late), said)


class Planned(Commanding):
    def test_it_asks_before_it_switches(self):
        with self.nothing_changes():
            shell = self.pair.a.at_terminal('failover')
            self.assertIn("The clinic's server moves away from node a.", shell.wait_for(QUESTION % 'yes'))
            shell.type('n\n')
            self.assertIn('nothing was changed', shell.wait(1))
        shell = self.pair.a.at_terminal('failover')
        shell.wait_for(QUESTION % 'yes')
        shell.type('yes\n')
        self.assertIn('the switch is done', shell.wait())
        self.pair.b.wait_role('active')


class CtrlC(Commanding):
    """At a terminal of either node, while a hook waits for a word of the test."""

    def waits(self, node, name):
        """What it does as before, and then waits; gives the function that lets it go on."""
        os.mkfifo(node.path('word'))
        word = os.open(node.path('word'), os.O_RDWR)
        self.addCleanup(os.close, word)
        with open(node.path(name)) as file:
            node.write(name, file.read() + ': > FOLDER/waits\nread word < FOLDER/word\n', 0o755)
        return lambda: os.write(word, b'go\n')

    def until_it_waits(self, node):
        node.wait_until(lambda: os.path.exists(node.path('waits')), 'the hook does not run')

    def goes_back(self, node):
        go_on = self.waits(self.pair.a, 'stop')
        term = self.pair.a.status()['term']
        shell = node.at_terminal('failover', '--yes')
        self.until_it_waits(self.pair.a)
        shell.press_ctrl_c()
        said = shell.wait(1)
        self.assertIn('asking the nodes to go back', said)
        self.assertIn('lifeboat: it was cancelled', said)
        go_on()
        self.writer.wait(20)
        self.pair.b.wait_role('standby')
        self.assertEqual(('active', term, True), (self.pair.a.role(), self.pair.a.status()['term'], self.pair.a.has_service()))
        self.assertEqual(['stopped', 'started'], self.hooks(self.pair.a)[-2:])
        self.assertIn('FAILED: it was cancelled', node.call('status')[1])
        os.unlink(self.pair.a.path('waits'))
        go_on()  # the next one need not wait
        self.pair.ready()
        self.pair.a.do('failover', '--yes')
        self.writer.wait(20)
        self.all_are_there(self.pair.b)

    def test_it_takes_the_switch_back_while_the_stop_hook_runs(self):
        self.goes_back(self.pair.a)

    def test_it_does_so_on_the_standby_too(self):
        self.goes_back(self.pair.b)

    def goes_on(self, node, why):
        go_on = self.waits(self.pair.b, 'start')
        shell = node.at_terminal('failover', '--yes')
        self.until_it_waits(self.pair.b)
        shell.press_ctrl_c()
        shell.wait_for('it cannot be stopped any more: lifeboat-netsvc: %s; let it end, then switch back' % why)
        go_on()
        self.assertIn('the switch is done', shell.wait())
        self.writer.wait(20)
        self.pair.a.wait_role('standby')
        self.assertEqual('active', self.pair.b.role())
        self.all_are_there(self.pair.b)

    def test_after_the_grant_the_switch_goes_on_and_it_says_so(self):
        self.goes_on(self.pair.a, 'this node has handed over already')

    def test_on_the_node_that_takes_over_too(self):
        self.goes_on(self.pair.b, 'this node takes over already')

    def test_a_forced_switch_goes_on_and_it_says_so(self):
        go_on = self.waits(self.pair.b, 'start')
        self.pair.a.kill()
        self.until_alone()
        shell = self.pair.b.at_terminal('failover', '--force', '--yes')
        self.until_it_waits(self.pair.b)
        shell.press_ctrl_c()
        shell.wait_for('it cannot be stopped any more: lifeboat-netsvc: this node takes over already')
        go_on()
        self.assertIn('the switch is done', shell.wait())
        self.writer.wait(20)

    def test_a_second_one_ends_the_command_and_the_switch_goes_on(self):
        go_on = self.waits(self.pair.b, 'start')
        shell = self.pair.a.at_terminal('failover', '--yes')
        self.until_it_waits(self.pair.b)
        shell.press_ctrl_c()
        shell.wait_for('it cannot be stopped any more')
        shell.press_ctrl_c()
        shell.wait(-signal.SIGINT)
        go_on()
        self.writer.wait(20)
        self.pair.b.wait_role('active')
