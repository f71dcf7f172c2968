"""The example hooks tell each event by sound, lamp and console; what comes from a drive is only ever text to them, and
hardware that is missing is no failure."""

import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import tty
import unittest

from support.lifeboat import ROOT

HOOKS = os.path.join(ROOT, 'etc', 'hooks')
NAMES = ('beep', 'consoles', 'keyboard-leds')
OTHERS = 'cht-start', 'cht-stop', 'nginx-reload'  # no drives' hooks: test_cht_hooks and test_nginx_reload
EVENTS = ('started', 'progress', 'safe', 'done', 'failed', 'unknown', 'overdue')
PATIENCE = 20
LIMIT = 10  # seconds that a hook may take

EV_SND, SND_TONE = 0x12, 2
INPUT_EVENT = struct.Struct('@llHHi')  # struct input_event of <linux/input.h>

HOSTILE = (
    b'"; touch OWNED; echo "', b"'; touch OWNED; '", b'$(touch OWNED)', b'`touch OWNED`', b'$((OWNED))', b'${IFS}', b'| touch OWNED',
    b'> OWNED', b'-n', b'-e', b'--help', b'%s%n%100000d', b'\\', b'\\0101\\c', b'*', b'../../etc', b'two\nlines', b'x\r\nLIFEBOAT SAFE',
    b'\x1b[2J\x1b]0;title\x07', b'\x9b2J', '\u009b2J'.encode(), b'\x1b[6n', b'\x07\x08\x7f', 'ab\u202edc\u2028'.encode(),
    b'\xff\xfe\xc0\xaf', b'A' * 100000)


class Hooks(unittest.TestCase):
    """A root folder with nothing in it; `sleep` returns at once and is written down."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix='lifeboat-hooks ')  # with a blank
        self.addCleanup(shutil.rmtree, self.root)
        self.bin = self.make('bin/')
        self.here = self.make('here/')
        self.stub('sleep', 'echo "$1" >>"$HOOK_ROOT/slept"')
        self.stub('modprobe', 'exit 1')

    def path(self, name):
        return os.path.join(self.root, name)

    def make(self, name, content=''):
        """A file; or a folder, when the name ends so."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not name.endswith('/'):
            with open(path, 'w') as file:
                file.write(content)
        return path

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def stub(self, name, script):
        os.chmod(self.make('bin/' + name, '#!/bin/sh\n%s\n' % script), 0o755)

    def run_hook(self, hook, event, shell=(), **variables):
        environment = {'HOOK_ROOT': self.root, 'PATH': self.bin + ':' + os.environ['PATH'], 'LIFEBOAT_EVENT': event,
                       'LIFEBOAT_DRIVE': '1a2b3c4d', 'LIFEBOAT_LABEL': 'Blue', 'LIFEBOAT_DEVICE': '/dev/sdb1',
                       'LIFEBOAT_MESSAGE': 'the drive may be removed', **variables}
        with open(self.path('said'), 'w+b') as said:
            process = subprocess.Popen([*shell, os.path.join(HOOKS, hook), event], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                       env=environment, cwd=self.here, process_group=0)
            code = process.wait(PATIENCE)
            try:
                os.killpg(process.pid, signal.SIGKILL)  # as the mounter does
            except ProcessLookupError:
                pass
        self.assertEqual((0, ''), (code, self.read('said')), '%s %s' % (hook, event))
        os.unlink(self.path('said'))

    def slept(self):
        if not os.path.exists(self.path('slept')):
            return 0
        return sum(map(float, self.read('slept').split()))


class Any(Hooks):
    def test_nothing_there_is_no_failure(self):
        for hook in NAMES:
            for event in EVENTS:
                with self.subTest(hook=hook, event=event):
                    self.run_hook(hook, event)
        self.assertEqual(['bin', 'here'], sorted(set(os.listdir(self.root)) - {'slept'}))

    def test_events_to_come_are_passed_over(self):
        for hook in NAMES:
            with self.subTest(hook=hook):
                self.run_hook(hook, 'something-new')
                self.run_hook(hook, '')

    def test_only_the_event_need_be_there(self):
        for hook in NAMES:
            with self.subTest(hook=hook):
                done = subprocess.run([os.path.join(HOOKS, hook), 'unknown'], env={'HOOK_ROOT': self.root}, cwd=self.here,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
                self.assertEqual((0, b''), (done.returncode, done.stdout))

    @unittest.skipUnless(shutil.which('shellcheck'), 'needs shellcheck')
    def test_shellcheck_finds_nothing(self):
        done = subprocess.run(['shellcheck', *(os.path.join(HOOKS, hook) for hook in NAMES)], stdout=subprocess.PIPE, text=True)
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_all_that_is_here_is_tested_and_may_be_run(self):
        found = sorted(os.listdir(HOOKS))
        self.assertEqual(sorted([*NAMES, *OTHERS, 'README.md']), found)
        for hook in NAMES:
            self.assertTrue(os.access(os.path.join(HOOKS, hook), os.X_OK), hook)


class Beep(Hooks):
    def setUp(self):
        super().setUp()
        self.speaker('event3', '6')

    def speaker(self, name, able):
        self.make('sys/class/input/%s/device/capabilities/snd' % name, able + '\n')
        self.make('dev/input/' + name)

    def tones(self, name='event3'):
        """The frequencies that were sent, pauses left out; the speaker must end silent."""
        with open(self.path('dev/input/' + name), 'rb') as file:
            data = file.read()
        self.assertEqual(0, len(data) % INPUT_EVENT.size)
        found = []
        for seconds, microseconds, kind, code, value in INPUT_EVENT.iter_unpack(data):
            self.assertEqual((0, 0, EV_SND, SND_TONE), (seconds, microseconds, kind, code))
            found.append(value)
        self.assertEqual([0], found[-1:])
        return [value for value in found if value]

    def melody(self, event, **variables):
        for name in ('dev/input/event3', 'slept'):
            self.make(name)
        self.run_hook('beep', event, **variables)
        return self.tones() if os.path.getsize(self.path('dev/input/event3')) else []

    def test_each_event_has_its_own_melody_and_none_is_long(self):
        heard = {}
        for event in EVENTS:
            heard[event] = tuple(self.melody(event))
            self.assertLess(self.slept(), LIMIT / 2, event)
        self.assertEqual(1, len(heard['started']))
        self.assertEqual((523, 659, 1047), heard['safe'], 'three rising')
        self.assertEqual(2, len(heard['unknown']))
        self.assertGreater(len(heard['failed']), 3)
        self.assertLess(max(heard['failed']), 300)
        self.assertEqual((), heard['progress'])
        self.assertEqual((), heard['done'], 'who hears it could take it for safe')
        loud = [melody for melody in heard.values() if melody]
        self.assertEqual(len(loud), len(set(loud)))

    def test_a_store_begins_silently_and_its_failure_is_heard(self):
        self.assertEqual([], self.melody('started', LIFEBOAT_DRIVE=''))
        self.assertNotEqual([], self.melody('failed', LIFEBOAT_DRIVE=''))

    def test_what_plays_no_tones_is_left_alone(self):
        self.speaker('event4', '3')  # a bell and clicks
        self.speaker('event5', '0')
        self.speaker('event6', '4')
        self.run_hook('beep', 'safe')
        self.assertEqual('', self.read('dev/input/event4') + self.read('dev/input/event5'))
        self.assertEqual(self.tones('event3'), self.tones('event6'))

    def test_a_speaker_known_by_its_path_only(self):
        shutil.rmtree(self.path('sys'))
        self.make('dev/input/by-path/platform-pcspkr-event-spkr')
        self.run_hook('beep', 'safe')
        self.assertEqual(3, len(self.tones('by-path/platform-pcspkr-event-spkr')))

    def test_without_a_speaker_the_console_rings(self):
        shutil.rmtree(self.path('sys'))
        self.make('dev/console')
        self.run_hook('beep', 'safe')
        bells = re.findall('\x1b\\[10;(\\d+)\\]\x1b\\[11;(\\d+)\\]\x07\x1b\\[10\\]\x1b\\[11\\]', self.read('dev/console'))
        self.assertEqual(3, len(bells))
        self.assertEqual(sorted(bells, key=lambda bell: int(bell[0])), bells)

    def test_ended_in_the_midst_it_falls_silent(self):
        self.stub('sleep', 'exec /bin/sleep 5')
        process = subprocess.Popen([os.path.join(HOOKS, 'beep'), 'failed'], env={
            'HOOK_ROOT': self.root, 'PATH': self.bin + ':' + os.environ['PATH']}, start_new_session=True, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while not os.path.getsize(self.path('dev/input/event3')) and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGTERM)  # a group that is this test's own
        process.wait(PATIENCE)
        self.assertEqual(1, len(self.tones()))

    def test_other_shells_send_the_same(self):
        wanted = self.melody('failed')
        for shell in (['bash', '--posix'], ['busybox', 'sh']):
            if shutil.which(shell[0]):
                with self.subTest(shell=shell):
                    self.make('dev/input/event3')
                    self.run_hook('beep', 'failed', shell)
                    self.assertEqual(wanted, self.tones())


class KeyboardLeds(Hooks):
    LAMPS = {'input3::numlock': ('1', 'kbd-numlock'), 'input3::capslock': ('0', 'kbd-capslock'),
             'input3::scrolllock': ('0', 'none'), 'input7::numlock': ('0', 'none')}

    def setUp(self):
        super().setUp()
        self.stub('sleep', 'echo "$1" >>"$HOOK_ROOT/slept"; [ "$1" != 600 ] || while [ ! -e "$HOOK_ROOT/later" ]; do /bin/sleep 0.05; done')
        self.plug()

    def plug(self, timer=' timer'):
        self.triggers = 'none kbd-numlock kbd-capslock%s\n' % timer
        for name, (level, trigger) in self.LAMPS.items():
            folder = 'sys/class/leds/%s/' % name
            self.make(folder + 'trigger', self.triggers.replace(trigger, '[%s]' % trigger))
            self.make(folder + 'brightness', level + '\n')
            self.make(folder + 'max_brightness', '1\n')
            for delay in ('delay_on', 'delay_off'):
                self.make(folder + delay)
        self.make('sys/class/leds/platform::power/brightness', '1\n')
        self.make('sys/class/leds/platform::power/trigger', '[none] timer\n')

    def lamp(self, name, what):
        said = self.read('sys/class/leds/%s/%s' % (name, what)).strip()
        return re.search(r'\[(.*)\]', said).group(1) if what == 'trigger' and '[' in said else said

    def show(self, event):
        self.addCleanup(self.end_later)
        self.run_hook('keyboard-leds', event)
        for name in os.listdir(self.path('sys/class/leds')):  # as the kernel tells it then
            path = 'sys/class/leds/%s/trigger' % name
            if os.path.exists(self.path(path)) and '[' not in self.read(path):
                self.make(path, self.triggers.replace(self.read(path).strip(), '[%s]' % self.read(path).strip()))

    def end_later(self):
        """The process that gives the lamps back in ten minutes, and its sleep, which are in a session of their own."""
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/environ' % pid, 'rb') as file:
                    if b'HOOK_ROOT=' + self.root.encode() not in file.read().split(b'\0'):
                        continue
                os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue

    def assert_as_it_was(self):
        for name, (level, trigger) in self.LAMPS.items():
            self.assertEqual(level, self.lamp(name, 'brightness'), name)
            self.assertEqual(trigger, self.lamp(name, 'trigger'), name)
        self.assertFalse(os.path.exists(self.path('run/lifeboat-keyboard-leds')))

    def assert_blinking(self, milliseconds):
        for name in self.LAMPS:
            self.assertEqual('timer', self.lamp(name, 'trigger'))
            self.assertEqual(milliseconds, self.lamp(name, 'delay_on'))
            self.assertEqual(milliseconds, self.lamp(name, 'delay_off'))

    def test_work_is_slow_blinking_and_failure_fast(self):
        self.show('started')
        self.assert_blinking('700')
        self.show('progress')
        self.assert_blinking('700')
        self.show('failed')
        self.assert_blinking('100')

    def test_safe_is_steady_light(self):
        self.show('started')
        self.show('safe')
        for name in self.LAMPS:
            self.assertEqual(('1', 'none'), (self.lamp(name, 'brightness'), self.lamp(name, 'trigger')))

    def test_what_was_there_comes_back(self):
        for events in (('started', 'done'), ('started', 'failed', 'restore'), ('started', 'safe', 'started', 'done'), ('safe', 'restore')):
            with self.subTest(events=events):
                self.plug()
                for event in events:
                    self.show(event)
                self.assert_as_it_was()
        self.show('restore')

    def test_after_safe_it_comes_back_by_itself(self):
        self.stub('setsid', '/bin/sleep 0.3; exec /usr/bin/setsid "$@"')  # and what it leaves behind is killed
        self.show('started')
        self.show('safe')
        self.make('later')
        until = time.monotonic() + PATIENCE
        while os.path.exists(self.path('run/lifeboat-keyboard-leds')) and time.monotonic() < until:
            time.sleep(0.01)
        self.assert_as_it_was()
        self.assertIn('600', self.read('slept').split())

    def test_it_does_not_come_back_under_the_next_drive(self):
        self.show('safe')
        turn = self.read('run/lifeboat-keyboard-leds/turn').strip()
        self.show('started')
        self.make('later')
        subprocess.run([os.path.join(HOOKS, 'keyboard-leds'), 'later', turn], check=True,
                       env={'HOOK_ROOT': self.root, 'PATH': self.bin + ':' + os.environ['PATH']}, timeout=PATIENCE)
        self.assert_blinking('700')

    def test_other_lamps_and_other_events_are_left_alone(self):
        for event in EVENTS:
            if event not in ('started', 'safe', 'failed'):
                self.show(event)
                self.assertFalse(os.path.exists(self.path('run')))
        self.show('failed')
        self.assertEqual(('1', 'none'), (self.lamp('platform::power', 'brightness'), self.lamp('platform::power', 'trigger')))

    def test_a_kernel_without_the_timer_is_asked_for_it(self):
        self.plug(timer='')
        self.stub('modprobe', 'for t in "$HOOK_ROOT"/sys/class/leds/*/trigger; do grep -q timer "$t" || echo "$(cat "$t") timer" >"$t"; done')
        self.triggers += ' timer'
        self.show('started')
        self.assert_blinking('700')

    def test_without_the_timer_it_blinks_while_it_runs(self):
        for event, blinks in (('started', 2), ('failed', 15)):
            with self.subTest(event=event):
                self.plug(timer='')
                self.make('slept')
                self.show(event)
                self.assertEqual(2 * blinks, len(self.read('slept').split()))
                self.assertLess(self.slept(), LIMIT / 2)
                for name in self.LAMPS:
                    self.assertEqual('0', self.lamp(name, 'brightness'))
                self.show('restore')
                self.assert_as_it_was()

    def test_blinking_gives_way_to_what_comes_next(self):
        self.plug(timer='')
        self.stub('sleep', 'case $1 in 0.*) echo 1 >"$HOOK_ROOT/run/lifeboat-keyboard-leds/turn" ;; esac')  # which another takes
        self.show('failed')
        self.assertEqual('1', self.lamp('input3::numlock', 'brightness'))

    def test_lamps_that_lack_a_trigger_or_were_pulled(self):
        os.unlink(self.path('sys/class/leds/input3::scrolllock/trigger'))
        self.show('started')
        self.show('safe')
        self.assertEqual('1', self.lamp('input3::scrolllock', 'brightness'))
        shutil.rmtree(self.path('sys/class/leds/input7::numlock'))
        self.show('done')
        self.assertEqual('kbd-numlock', self.lamp('input3::numlock', 'trigger'))
        self.assertFalse(os.path.exists(self.path('run/lifeboat-keyboard-leds')))


class Terminals(Hooks):
    """tty1 is one."""

    def setUp(self):
        super().setUp()
        self.terminal = self.plug('tty1')

    def plug(self, name, utf8=True):
        """A terminal in dev/; gives the end that sees what it shows."""
        master, slave = pty.openpty()
        for end in (master, slave):
            self.addCleanup(os.close, end)
        tty.setraw(slave)
        attributes = termios.tcgetattr(slave)
        iutf8 = 0o40000  # <asm-generic/termbits.h>
        attributes[0] = attributes[0] | iutf8 if utf8 else attributes[0] & ~iutf8
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        os.set_blocking(master, False)
        os.makedirs(os.path.dirname(self.path('dev/' + name)), exist_ok=True)
        os.symlink(os.ttyname(slave), self.path('dev/' + name))
        return master

    def shown(self, terminal=None):
        data = b''
        try:
            while True:
                data += os.read(self.terminal if terminal is None else terminal, 65536)
        except BlockingIOError:
            return data


class Consoles(Terminals):
    def test_each_event_is_one_line_and_progress_none(self):
        for event in EVENTS:
            self.run_hook('consoles', event)
            shown = self.shown().decode()
            if event == 'progress':
                self.assertEqual('', shown)
            else:
                self.assertRegex(shown, r'^\r\nLIFEBOAT \d\d:\d\d  %s  Blue \(1a2b3c4d\):  the drive may be removed\r\n$' % event.upper())

    def test_a_message_that_names_the_drive_is_enough(self):
        self.run_hook('consoles', 'safe', LIFEBOAT_MESSAGE="drive 'Blue' (1a2b3c4d): the snapshot is done; it is safe to remove")
        self.assertRegex(self.shown().decode(), r"SAFE  drive 'Blue' \(1a2b3c4d\): the snapshot is done; it is safe to remove\r\n$")

    def test_without_a_drive_it_names_what_there_is(self):
        self.run_hook('consoles', 'unknown', LIFEBOAT_DRIVE='', LIFEBOAT_LABEL='')
        self.assertIn(b'UNKNOWN  /dev/sdb1:  ', self.shown())
        self.run_hook('consoles', 'failed', LIFEBOAT_DRIVE='', LIFEBOAT_LABEL='', LIFEBOAT_DEVICE='')
        self.assertIn(b'FAILED  the drive', self.shown())

    def test_all_who_are_logged_in_and_the_console_on_a_line(self):
        self.make('dev/')
        there = [self.plug(name) for name in ('pts/7', 'ttyS0')]
        self.stub('who', 'echo "nurse    pts/7        2026-11-28 20:00 (laptop)"; echo "root :0 2026-11-28 20:00"; echo "x ../outside 2026"')
        outside = self.plug('../outside')
        self.make('run/utmp')
        self.make('sys/class/tty/console/active', 'tty0 ttyS0\n')
        self.run_hook('consoles', 'safe')
        for terminal in there:
            self.assertEqual(1, self.shown(terminal).count(b'SAFE'))
        self.assertEqual(b'', self.shown(outside))

    def test_a_terminal_gets_it_once(self):
        self.stub('who', 'echo "nurse tty1 2026-11-28 20:00"; echo "root tty1 2026-11-28 20:00"')
        self.make('run/utmp')
        self.make('sys/class/tty/console/active', 'tty1\n')
        self.run_hook('consoles', 'safe')
        self.assertEqual(1, self.shown().count(b'SAFE'))

    def test_what_is_no_terminal_is_not_written_to(self):
        self.make('dev/tty2', 'a file')
        self.run_hook('consoles', 'safe')
        self.assertEqual('a file', self.read('dev/tty2'))
        self.assertFalse(os.path.lexists(self.path('dev/tty3')))

    def test_a_terminal_that_takes_no_more_is_not_waited_for(self):
        full = os.open(self.path('dev/tty1'), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        self.addCleanup(os.close, full)
        try:
            while True:
                os.write(full, b'x' * 4096)
        except BlockingIOError:
            pass
        other = self.plug('tty2')
        self.run_hook('consoles', 'safe')
        self.assertIn(b'SAFE', self.shown(other))

    def test_a_terminal_without_utf8_gets_ascii(self):
        old = self.plug('tty2', utf8=False)
        self.run_hook('consoles', 'safe', LIFEBOAT_LABEL='Zürich नीला')
        self.assertIn('Zürich नीला'.encode(), self.shown())
        self.assertIn(b'Z?rich ????', self.shown(old))


class Hostile(Terminals):
    """All hooks with all there is."""

    def setUp(self):
        super().setUp()
        self.old = self.plug('tty2', utf8=False)
        self.make('sys/class/input/event3/device/capabilities/snd', '6\n')
        self.make('dev/input/event3')
        for what, content in (('trigger', '[none] timer\n'), ('brightness', '0\n'), ('delay_on', ''), ('delay_off', '')):
            self.make('sys/class/leds/input3::numlock/' + what, content)

    def everything(self):
        return {os.path.join(above, name) for above, _, names in os.walk(self.root) for name in names} - {self.path('slept')}

    def test_text_from_a_drive_is_only_text(self):
        self.run_hook('keyboard-leds', 'failed')
        before = self.everything()
        for text in HOSTILE:
            for hook in NAMES:
                with self.subTest(hook=hook, text=text[:40]):
                    self.run_hook(hook, 'failed', **{name: text for name in (
                        'LIFEBOAT_LABEL', 'LIFEBOAT_MESSAGE', 'LIFEBOAT_DRIVE', 'LIFEBOAT_DEVICE', 'LIFEBOAT_PERCENT', 'LIFEBOAT_EVENT')})
            with self.subTest(text=text[:40]):
                self.assert_harmless(self.shown())
                self.assert_harmless(self.shown(self.old)).decode('ascii')
        self.assertEqual(before, self.everything())
        self.assertEqual([], os.listdir(self.here))

    def assert_harmless(self, shown):
        """One line of printable UTF-8, of bounded length."""
        self.assertTrue(shown.startswith(b'\r\nLIFEBOAT ') and shown.endswith(b'\r\n'), shown)
        line = shown[2:-2].decode('utf-8')
        self.assertLess(len(line), 1000)
        self.assertTrue(line.isprintable(), repr(line))
        return shown

    def test_text_arrives_as_it_is(self):
        for text in ('"quoted" and $(not run) `at all` \\0101 %s *', "it's"):
            self.run_hook('consoles', 'failed', LIFEBOAT_MESSAGE=text)
            self.assertIn(text, self.shown().decode())
        self.run_hook('consoles', 'failed', LIFEBOAT_MESSAGE=b'what is no UTF-8 \xff\xfe is left out')
        self.assertIn('what is no UTF-8  is left out', self.shown().decode())


if __name__ == '__main__':
    unittest.main()
