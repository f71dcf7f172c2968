"""Drives: what goes wrong at the worst moment, and what a daemon that was taken over may not do."""

import json
import os
import resource
import signal
import subprocess
import threading
import time

import test_drive
from support import faulty
from support.bay import USER
from support.daemon import PATIENCE, Daemon
from support.lifeboat import USAGE
from test_drive import SAFE


class Attacks(test_drive.Plugging):
    stop_in_the_middle = test_drive.Hands.stop_in_the_middle
    status_of, mounter_of = test_drive.Rights.status_of, test_drive.Rights.mounter_of

    def hold_mounter(self, daemon):
        """The mounter does nothing until what this gives is called."""
        mounter = self.mounter_of(daemon)
        os.kill(mounter, signal.SIGSTOP)
        self.addCleanup(lambda: os.path.exists('/proc/%d' % mounter) and os.kill(mounter, signal.SIGCONT))
        return lambda: os.kill(mounter, signal.SIGCONT)

    def wait_for_doing(self, daemon, stick, doing):
        end = time.monotonic() + PATIENCE
        while daemon.drive(stick.id)['doing'] != doing:
            self.assertLess(time.monotonic(), end, daemon.log)

    def later(self, daemon, **request):
        """Asks, and does not wait for the answer."""
        client = daemon.connect()
        self.addCleanup(client.close)
        client.sendall(json.dumps(request).encode() + b'\n')
        for _ in range(3):  # it was read by then, and what it begins was begun
            daemon.request(ask='status')
        return client

    def answer(self, client):
        with client, client.makefile() as lines:
            return json.loads(lines.readline())

class Books(Attacks):
    """What was not done does not count as done."""

    def caught_mounting(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        before = daemon.drive(stick.id)['last_good']
        self.clinic.change()
        go_on = self.hold_mounter(daemon)
        self.bay.plug(stick)
        self.wait_for_doing(daemon, stick, 'mounting')
        return daemon, stick, before, go_on

    def test_ejected_while_it_is_mounted_no_snapshot_was_taken(self):
        daemon, stick, before, go_on = self.caught_mounting()
        done = daemon.log.count('the snapshot is done')
        asked = self.later(daemon, ask='drive eject', drive=stick.id)
        go_on()
        self.assertNotIn('error', self.answer(asked))
        self.assertEqual(done, daemon.log.count('the snapshot is done'), daemon.log)
        drive = daemon.drive(stick.id)
        self.assertEqual(before, drive['last_good'])
        self.assertNotEqual(0, drive['exit'])
        self.assertTrue(drive['safe'])
        daemon.end()

    def test_pulled_out_while_it_is_mounted_no_snapshot_was_taken(self):
        daemon, stick, before, go_on = self.caught_mounting()
        self.bay.tell(stick, 'remove')
        daemon.wait_for('has left', 2)
        go_on()
        daemon.wait_for('it was pulled out too early')
        self.assertIn('the snapshot failed', daemon.wait_for('it was pulled out too early'))
        drive = daemon.drive(stick.id)
        self.assertEqual(before, drive['last_good'])
        self.assertFalse(drive['safe'])
        daemon.end()

    def test_a_drill_that_was_stopped_has_not_failed(self):
        until = threading.Event()
        self.addCleanup(until.set)
        proxy = faulty.Faulty(self.server.url)
        self.addCleanup(proxy.close)
        proxy.on('POST', '', faulty.stall(until), times=None)
        daemon = self.daemon(drill={'schedule': '*:*:*', 'target': self.bay.url(proxy.url)})
        stick = self.bay.stick('blue')
        self.bay.plug(stick)
        stick.id = daemon.request(ask='drive add', device=stick.device)['drive']
        self.wait_for_doing(daemon, stick, 'drill')
        self.assertNotIn('error', daemon.request(ask='drive eject', drive=stick.id))
        self.assertNotIn('the drill failed', daemon.log)
        self.assertNotIn('drill_exit', daemon.drive(stick.id))
        daemon.end()


class Safety(Attacks):
    """Nobody is told that it is safe to remove what is not."""

    def test_pulled_out_in_the_middle_it_was_not_safe(self):
        daemon, stick, go_on = self.stop_in_the_middle()
        self.bay.tell(stick, 'remove')
        daemon.wait_for('it was pulled out too early')
        self.assertFalse(daemon.drive(stick.id)['safe'])
        go_on()
        self.bay.tell(stick, 'add')
        daemon.wait_for('it was pulled out, or the power failed, before it was safe to remove')
        daemon.wait_for(SAFE, 2)
        daemon.end()

    def test_added_again_it_is_neither_safe_nor_said_to_be_unmounted(self):
        daemon = self.daemon(drive={'keep_powered': 'yes'})
        stick = self.enrolled(daemon)
        self.insert(daemon, stick)
        self.assertTrue(daemon.drive(stick.id)['safe'])
        go_on = self.hold_mounter(daemon)
        asked = self.later(daemon, ask='drive add', device=stick.device)
        self.assertFalse(daemon.drive(stick.id)['safe'])
        eject = self.later(daemon, ask='drive eject', drive=stick.id)
        go_on()
        self.assertNotIn('may be pulled out', self.answer(eject).get('error', ''))
        self.answer(asked)
        daemon.wait_for(SAFE, 3)
        daemon.end()

    def test_what_of_it_somebody_else_uses_is_not_safe(self):
        daemon, stick, go_on = self.stop_in_the_middle()
        place = self.bay.run('findmnt', '-n', '-o', 'TARGET', stick.device).strip()
        self.bay.run('mkdir', '-p', '/run/part')
        self.bay.run('mount', '--bind', place + '/lifeboat', '/run/part')
        go_on()
        daemon.wait_for('something else has it mounted')
        self.assertFalse(daemon.drive(stick.id)['safe'])
        self.assertIn('something else has the drive mounted', daemon.request(ask='drive eject', drive=stick.id)['error'])
        self.bay.run('umount', '/run/part')
        self.assertNotIn('error', daemon.request(ask='drive eject', drive=stick.id))
        daemon.end()


class Queues(Attacks):
    """What waits behind other work."""

    def test_another_stick_that_took_the_place_of_one_to_be_added_is_left_alone(self):
        daemon, stick, go_on = self.stop_in_the_middle()
        red, green = self.bay.stick('red'), self.bay.stick('green')
        before = green.digest()
        number = self.bay.number_of_our_own()
        self.bay.plug(red, at=number)
        asked = self.later(daemon, ask='drive add', device=red.device)
        self.bay.unplug(red)
        self.bay.plug(green, at=number)
        go_on()
        self.assertIn('pulled out', self.answer(asked).get('error', ''))
        daemon.wait_for(SAFE, 2)
        self.bay.unplug(green)
        self.assertEqual(before, green.digest())
        daemon.end()

    def queued(self):
        """`lifeboat snapshot` waits for two drives, of which the second waits for the first."""
        first = self.daemon()
        red = self.enrolled(first, 'red')
        first.end()
        daemon, blue, go_on = self.stop_in_the_middle()
        self.bay.plug(red)
        asked = self.later(daemon, ask='snapshot')
        return daemon, blue, red, go_on, asked

    def results(self, asked):
        return {place['name'].split("'")[1]: place for place in self.answer(asked)['places']}

    def test_pulled_out_while_it_waits_nobody_waits_for_it_any_longer(self):
        daemon, blue, red, go_on, asked = self.queued()
        self.bay.unplug(red)
        go_on()
        results = self.results(asked)
        self.assertEqual(0, results['blue']['exit'])
        self.assertNotEqual(0, results['red']['exit'])
        self.assertIn('pulled out', results['red']['message'])
        daemon.end()

    def test_removed_while_it_waits_its_last_run_is_not_told_as_this_one(self):
        daemon, blue, red, go_on, asked = self.queued()
        daemon.request(ask='drive remove', drive=red.id)
        go_on()
        self.assertNotEqual(0, self.results(asked)['red']['exit'])
        daemon.end()


class Crowds(Attacks):
    """More than is sane, and what is missing."""

    def test_however_many_ask_and_wait_others_are_answered(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, before[1]))
        daemon, stick, go_on = self.stop_in_the_middle()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        clients = []
        for _ in range(150):
            client = daemon.connect()
            self.addCleanup(client.close)
            client.sendall(b'{"ask": "snapshot"}\n')
            clients.append(client)
            self.assertEqual('snapshot', daemon.drive(stick.id)['doing'])
        self.assertIn('error', self.answer(clients[-1]))
        go_on()
        self.assertEqual(0, self.answer(clients[0])['places'][0]['exit'])
        daemon.wait_for(SAFE, 2)
        daemon.end()

    def test_those_who_hang_up_are_not_missed(self):
        daemon, stick, go_on = self.stop_in_the_middle()
        red = self.bay.stick('red')
        self.bay.plug(red)
        for request in ({'ask': 'snapshot'}, {'ask': 'drive add', 'device': red.device}, {'ask': 'drive add', 'device': red.device},
                        {'ask': 'drive eject', 'drive': stick.id}):
            self.later(daemon, **request).close()
        go_on()
        daemon.wait_for("drive 'red'")
        daemon.wait_for('the snapshot is done', 2)
        daemon.end()

    def test_a_drive_that_cannot_be_remembered_is_not_said_to_be_ours(self):
        os.makedirs(self.site.state, exist_ok=True)
        self.bay.run('mount', '-t', 'tmpfs', '-o', 'size=16k,uid=%d,gid=%d,mode=700' % (USER, USER), 'state', self.site.state)
        daemon = self.daemon()
        self.bay.run('sh', '-c', 'cat /dev/zero >%s/filler || true' % self.site.state)
        stick = self.bay.stick('blue')
        self.bay.plug(stick)
        self.assertIn('cannot be remembered', daemon.request(ask='drive add', device=stick.device).get('error', ''))
        daemon.wait_for('the snapshot')
        self.bay.run('rm', self.site.state + '/filler')
        self.assertNotIn('error', daemon.request(ask='drive add', device=stick.device))
        daemon.end()

    def test_a_register_that_names_a_drive_twice_is_damaged(self):
        first = self.daemon()
        stick = self.enrolled(first)
        first.end()
        path = os.path.join(self.site.state, 'drives.json')
        with open(path) as file:
            register = json.load(file)
        register['drives'].append(dict(register['drives'][0], label='red'))
        with open(path, 'w') as file:
            json.dump(register, file)
        daemon = Daemon(self.site, self.bay.url(self.server.url), bay=self.bay, stores=None)
        daemon.wait_for('a drive in it stands there twice')
        daemon.process.wait(60)


class Mounter(Attacks):
    """The mounter's rights are not the daemon's, and what happens to it does not make anybody wait."""

    def seize(self, *command):
        """As the daemon's user, once it was taken over."""
        self.bay.run('setpriv', '--reuid', str(USER), '--regid', str(USER), '--clear-groups', *command)

    def test_the_folder_of_mount_points_cannot_be_put_elsewhere(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        prize = self.site.path('prize')  # as /etc
        os.mkdir(prize, 0o755)
        run = os.path.dirname(daemon.control)
        self.seize('sh', '-c', 'cd %s && mv drives away && ln -s %s drives' % (run, prize))
        self.bay.plug(stick)
        daemon.wait_for('the snapshot', 2)
        self.assertEqual(0, os.stat(prize).st_uid)
        self.assertEqual([], os.listdir(prize))
        daemon.end()

    def test_a_folder_that_others_use_is_not_given_away_for_the_socket(self):
        precious = self.site.path('run', 'precious')  # as in /run, with `control = /run/lifeboat`
        os.makedirs(os.path.dirname(precious))
        with open(precious, 'w'):
            pass
        daemon = Daemon(self.site, self.bay.url(self.server.url), bay=self.bay, stores=None)
        daemon.wait_for("holds 'precious', which is not ours")
        daemon.process.wait(60)
        self.assertEqual((0, 0), (os.stat(precious).st_uid, os.stat(os.path.dirname(precious)).st_uid))

    def test_nor_is_one_given_away_for_the_state(self):
        precious = os.path.join(self.site.state, 'precious')  # as in /var/lib, with `state = /var/lib`
        os.makedirs(precious)
        store = self.site.path('one')  # the user's: what root does there is done as the user, to whom the state is handed
        os.mkdir(store)
        os.chown(store, USER, USER)
        daemon = Daemon(self.site, self.bay.url(self.server.url), bay=self.bay, stores=[store])
        daemon.wait_for("the folder '%s' of the setting 'state' holds 'precious', which is not ours" % self.site.state)
        daemon.wait_for("such as '%s/lifeboat'" % self.site.state)
        self.assertEqual(USAGE, daemon.process.wait(60))
        said = self.bay.run(daemon.program('lifeboat'), 'snapshot', '--config', daemon.config, expect=USAGE)
        self.assertIn("holds 'precious', which is not ours", said)
        for path in (precious, self.site.state):
            self.assertEqual((0, 0), (os.stat(path).st_uid, os.stat(path).st_gid))
        self.assertEqual(['precious'], os.listdir(self.site.state))
        os.rmdir(precious)
        os.mkdir(os.path.join(self.site.state, 'lost+found'))  # a file system of its own
        for name in ('standby.json', 'standby.lock'):  # root tried `lifeboat standby follow` first
            with open(os.path.join(self.site.state, name), 'w'):
                pass
        daemon = Daemon(self.site, self.bay.url(self.server.url), bay=self.bay, stores=[store])
        daemon.wait_for('watching for drives')
        self.assertEqual(USER, os.stat(self.site.state).st_uid)
        daemon.end()

    def test_a_mount_point_cannot_be_put_elsewhere(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        prize = self.site.path('prize')
        os.mkdir(prize, 0o755)
        os.chmod(self.site.folder, 0o755)
        self.hook('[ $1 = started ] && until grep %s /proc/mounts >>%s; do :; done\n'
                  % (self.site.path(''), self.site.path('seen')))
        go_on = self.hold_mounter(daemon)
        self.bay.plug(stick)
        self.wait_for_doing(daemon, stick, 'mounting')
        place = os.path.join(os.path.dirname(daemon.control), 'drives', '7-' + stick.device[len('/dev/loop'):])
        subprocess.run([*self.bay.before, 'setpriv', '--reuid', str(USER), '--regid', str(USER), '--clear-groups', 'ln', '-s', prize, place],
                       stderr=subprocess.DEVNULL)
        go_on()
        daemon.wait_for('the snapshot', 2)
        daemon.end()
        with open(self.site.path('seen')) as file:
            self.assertNotIn(prize, file.read())

    def test_another_stick_that_got_the_number_before_it_was_mounted_is_left_alone(self):
        daemon = self.daemon()
        stick, foreign = self.enrolled(daemon), self.bay.stick('foreign')
        self.edit(foreign, lambda folder: os.mkdir(os.path.join(folder, 'lifeboat')))
        before = foreign.digest()
        go_on = self.hold_mounter(daemon)
        self.bay.plug(stick, at=self.bay.number_of_our_own())
        self.wait_for_doing(daemon, stick, 'mounting')
        subprocess.run(['losetup', '-d', stick.device], check=True)
        subprocess.run(['losetup', stick.device, foreign.path], check=True)
        go_on()
        daemon.wait_for('the snapshot failed')
        self.assertEqual(before, foreign.digest())
        self.assertFalse(daemon.drive(stick.id)['safe'])
        daemon.end()

    def test_a_request_that_dies_is_answered(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        holder = self.busy(daemon, stick)
        mounter = self.mounter_of(daemon)
        for child in self.children(mounter):
            if 'mounte' in self.status_of(child)['Name']:
                os.kill(child, signal.SIGKILL)
        daemon.wait_for('cannot be unmounted')
        holder.kill()
        holder.wait()
        daemon.end()

    def children(self, process):
        with open('/proc/%d/task/%d/children' % (process, process)) as file:
            return [int(child) for child in file.read().split()]

    def busy(self, daemon, stick):
        """A drive whose unmounting waits for somebody who stands in it."""
        self.hook('[ $1 = started ] && until grep -q %s /proc/mounts; do :; done\n' % os.path.dirname(daemon.control))
        self.bay.attach(stick)
        holder = subprocess.Popen([*self.bay.before, 'sh', '-c',
                                   'until cd %s/drives/7-%s && [ -e lifeboat ]; do cd /; done 2>/dev/null; echo in; exec sleep 300' %
                                   (os.path.dirname(daemon.control), stick.device[len('/dev/loop'):])], stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (holder.kill(), holder.wait(), holder.stdout.close()))
        self.bay.tell(stick, 'add')
        self.assertEqual('in\n', holder.stdout.readline())
        self.wait_for_doing(daemon, stick, 'unmounting')
        return holder

    def test_killed_while_a_mount_is_asked_for_nothing_stays_mounted(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        mounter = self.mounter_of(daemon)
        go_on = self.hold_mounter(daemon)
        self.bay.plug(stick)
        self.wait_for_doing(daemon, stick, 'mounting')
        daemon.process.kill()
        daemon.process.wait()
        go_on()
        while os.path.exists('/proc/%d' % mounter):
            pass
        self.assertNotIn(stick.device, self.bay.run('cat', '/proc/mounts'))

    def test_what_could_not_be_unmounted_is_unmounted_by_the_next_who_comes(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        holder = self.busy(daemon, stick)
        daemon.wait_for('cannot be unmounted')
        self.assertFalse(daemon.drive(stick.id)['safe'])
        holder.kill()
        holder.wait()
        self.assertNotIn('error', daemon.request(ask='drive eject', drive=stick.id))
        self.assertNotIn(stick.device, self.bay.run('cat', '/proc/mounts'))
        self.assertTrue(daemon.drive(stick.id)['safe'])
        daemon.end()
