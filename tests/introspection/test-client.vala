// SPDX-License-Identifier: LGPL-2.1-or-later
// The client in Vala, compiled against the generated bindings: signals, errors, waiting.

class Fixture {
    public LxcmonMock.Controller mock;
    public LxcmonMock.Driver driver;
    public Lxcmon.Client client;
    public string[] events = {};
    private string directory;

    public Fixture () throws Error {
        directory = DirUtils.make_tmp ("lxcmon-test.XXXXXX");
        var path = Path.build_filename (directory, "web1.sock");
        driver = new LxcmonMock.Driver (directory);
        mock = new LxcmonMock.Controller (path);
        mock.init_pid = 42;
        mock.start ();
        client = new Lxcmon.Client.for_path (path);
        client.init.connect (pid => { events += "init %d".printf (pid); });
        client.exit.connect (status => { events += "exit %d".printf (status); });
        client.closed.connect (error => { events += error == null ? "closed" : "closed " + error.domain.to_string (); });
    }

    ~Fixture () {
        client.detach ();
        mock.stop ();
        driver.stop ();
        DirUtils.remove (directory);
    }

    // Nothing waits longer than a minute; a test that needs it has failed.
    public void wait_for_events (int n) {
        var deadline = get_monotonic_time () + 60 * TimeSpan.SECOND;
        while (events.length < n) {
            assert (get_monotonic_time () < deadline);
            var id = Timeout.add (2, () => Source.CONTINUE);
            MainContext.default ().iteration (true);
            Source.remove (id);
        }
    }

    public void check (string expected) {
        if (string.joinv (", ", events) != expected)
            error ("got %s, expected %s", string.joinv (", ", events), expected);
    }
}

void test_life () {
    try {
        var fixture = new Fixture ();
        fixture.client.attach_async.begin (null, (object, result) => {
            try {
                assert (fixture.client.attach_async.end (result));
                fixture.mock.finish (Lxcmon.ExitStatus.SHUTDOWN);
            } catch (Error error) {
                GLib.error ("%s", error.message);
            }
        });
        fixture.wait_for_events (3);
        fixture.check ("init 42, exit 1, closed");
        assert (fixture.client.state == Lxcmon.State.CLOSED);
        assert (fixture.client.exit_status == Lxcmon.ExitStatus.SHUTDOWN);
        assert (fixture.client.get_error () == null);
    } catch (Error error) {
        GLib.error ("%s", error.message);
    }
}

void test_lost () {
    try {
        var fixture = new Fixture ();
        fixture.client.attach ();
        fixture.mock.die ();
        fixture.wait_for_events (2);
        fixture.check ("init 42, closed lxcmon-monitor-error-quark");
        assert (fixture.client.get_error () is Lxcmon.MonitorError.LOST);
    } catch (Error error) {
        GLib.error ("%s", error.message);
    }
}

void test_errors () {
    try {
        var fixture = new Fixture ();
        fixture.mock.stop ();
        fixture.client.attach ();
        assert_not_reached ();
    } catch (Lxcmon.MonitorError.NOT_FOUND error) {
        assert (error.message.length > 0);
    } catch (Error error) {
        GLib.error ("%s", error.message);
    }

    try {
        var client = new Lxcmon.Client ("a/b");
        client.attach ();
        assert_not_reached ();
    } catch (Lxcmon.MonitorError error) {
        assert (error is Lxcmon.MonitorError.INVALID_NAME);
    } catch (Error error) {
        GLib.error ("%s", error.message);
    }
}

void test_driver () {
    try {
        var fixture = new Fixture ();
        fixture.driver.start ();
        fixture.client.attach ();
        assert_not_reached ();
    } catch (Lxcmon.MonitorError error) {
        assert (error is Lxcmon.MonitorError.BUSY);
    } catch (Error error) {
        GLib.error ("%s", error.message);
    }
}

void test_wait_exit () {
    try {
        var fixture = new Fixture ();
        fixture.client.attach ();
        fixture.mock.finish (Lxcmon.ExitStatus.REBOOT);
        assert (fixture.client.wait_exit () == Lxcmon.ExitStatus.REBOOT);
    } catch (Error error) {
        GLib.error ("%s", error.message);
    }
}

void test_enums () {
    assert ((int) Lxcmon.ExitStatus.UNKNOWN == -1);
    assert ((int) Lxcmon.State.CLOSED == 5);
    Lxcmon.Monitor monitor = new Lxcmon.Client ("web1");
    assert (monitor.source == Lxcmon.Source.DIRECT);
    assert (monitor.name == "web1");
}

int main (string[] args) {
    Test.init (ref args);
    Test.add_func ("/vala/life", test_life);
    Test.add_func ("/vala/lost", test_lost);
    Test.add_func ("/vala/errors", test_errors);
    Test.add_func ("/vala/driver", test_driver);
    Test.add_func ("/vala/wait-exit", test_wait_exit);
    Test.add_func ("/vala/enums", test_enums);
    return Test.run ();
}
