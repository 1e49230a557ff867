#!/usr/bin/env python3
"""A media file is data: what it names is neither fetched nor opened, whoever wrote the graph."""

import os
import socket
import threading
import unittest

from support import case, graph, main


class media(case):
    def setUp(self):
        super().setUp()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]
        self.fetched = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def tearDown(self):
        self.over.set()
        self.thread.join()
        super().tearDown()

    def serve(self):
        while not self.over.is_set():
            try:
                connection, _ = self.listener.accept()
            except socket.timeout:
                continue
            connection.settimeout(20)
            try:
                self.fetched.append(connection.recv(200))
            except OSError:
                self.fetched.append(b"")
            connection.close()

    def test_playlists_and_descriptions_of_streams(self):
        url = f"http://127.0.0.1:{self.port}/x"
        texts = {
            "hls.wav": f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}.ts\n#EXT-X-ENDLIST\n",
            "master.mp4": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9000\n{url}.m3u8\n",
            "dash.wav": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
                        f'mediaPresentationDuration="PT2S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period>'
                        f'<BaseURL>{url}</BaseURL><AdaptationSet mimeType="audio/mp4"><Representation id="1" '
                        f'bandwidth="9000"/></AdaptationSet></Period></MPD>',
            "smooth.wav": '<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2" Duration="9"/>',
            "sdp.wav": f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                       f"m=audio {self.port} RTP/AVP 0\r\n",
            "list.m3u": f"#EXTM3U\n#EXTINF:1,x\n{url}.mp3\n",
            "list.pls": f"[playlist]\nFile1={url}.mp3\nNumberOfEntries=1\n",
            "smil.wav": f'<smil><body><audio src="{url}"/></body></smil>',
            "ffconcat.wav": f"ffconcat version 1.0\nfile {url}.mp3\n",
            "uri.txt": f"text/uri-list\n{url}\n",
        }
        for name, text in texts.items():
            self.write(name, text)
            self.write("g.yaml", graph({"mic": f"{{component: capture.gst, file: {name}, restart: {{policy: never}}}}",
                                        "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}"}))
            done = self.hocket("run", "g.yaml", "--virtual", "--plain", "--out", "o")
            self.assertNotEqual(done.returncode, 0, name)
        self.assertEqual(self.fetched, [])

    def test_pipes_devices_and_folders_for_a_media_file(self):
        os.mkfifo(self.path("pipe.wav"))
        os.mkdir(self.path("folder.wav"))
        os.symlink("/dev/zero", self.path("zero.wav"))
        for name in ("pipe.wav", "folder.wav", "zero.wav", "/dev/zero"):
            self.write("g.yaml", graph({"mic": f"{{component: capture.gst, file: {name}, restart: {{policy: never}}}}",
                                        "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}"}))
            done = self.hocket("run", "g.yaml", "--virtual", "--plain", "--out", "o")
            self.assertNotEqual(done.returncode, 0, name)
            self.assertIn("is no file", done.stdout)


if __name__ == "__main__":
    main()
