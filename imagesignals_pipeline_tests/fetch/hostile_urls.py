"""URLs that must never be asked, and addresses that no name may lead to."""

INTERNAL_HOSTS = """
127.0.0.1 127.0.0.1. 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1
172.31.255.255 192.168.0.1 192.168.1.254 169.254.169.254 169.254.170.2 100.64.0.1 100.100.100.200
100.127.255.255 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.9 192.88.99.1 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255 168.63.129.16
[::] [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:10.0.0.1]
[::ffff:169.254.169.254] [::127.0.0.1] [::7f00:1] [::ffff:0:127.0.0.1] [64:ff9b::7f00:1]
[64:ff9b::169.254.169.254] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:a00:1::1]
[2001:0:7f00:1::] [2001:0:4136:e378:8000:63bf:80ff:fffe] [fe80::1] [fec0::1] [fc00::1] [fd00::1]
[fd00:ec2::254] [ff02::1] [2001:db8::1] [3fff::1] [5f00::1] [100::1]
""".split()  # noqa: SIM905  (a table reads better)
"""Hosts that are addresses of somebody's machine room, in every spelling."""

ODD_NUMBERS = """
127.1 127.0.1 0 1 0x7f000001 0x7f.0.0.1 0x7f.1 0177.0.0.1 0177.1 017700000001 2130706433
3232235777 00000177.0.0.1 127.0.0.01 127.0.0.0x1 1.2.3.4.5 256.256.256.256 0x 4294967296
""".split()  # noqa: SIM905  (a table reads better)
"""What some programs read as an IPv4 address and others as a name."""

INTERNAL_NAMES = """
localhost LOCALHOST localhost. foo.localhost localhost.localdomain printer.local
metadata.google.internal metadata vault.internal db.intranet router.lan nas.home.arpa intranet
ip6-localhost kubernetes
""".split()  # noqa: SIM905  (a table reads better)

ODD_URLS = (
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "ftp://93.184.215.14/a.png",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/stats",
    "ldap://127.0.0.1/",
    "jar:http://127.0.0.1!/a.png",
    "data:image/png;base64,iVBORw0KGgo=",
    "javascript:alert(1)",
    "blob:https://good.test/5c1",
    "about:blank",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "https:good.test/a.png",
    "http:/good.test/a.png",
    "http:///a.png",
    "http://",
    "http://:80/",
    "http://?",
    "//127.0.0.1/a.png",
    "//good.test/a.png",
    "///127.0.0.1/",
    "http://good.test:0/",
    "http://good.test:22/",
    "http://good.test:6379/",
    "http://good.test:65536/",
    "http://good.test:-1/",
    "http://good.test:8O/",
    "http://good.test:80:80/",
    "http://user@good.test/",
    "http://user:password@good.test/",
    "http://@good.test/",
    "http://:@good.test/",
    "http://good.test@127.0.0.1/",
    "http://127.0.0.1@good.test/",
    "http://good.test%40127.0.0.1/",
    "http://127.0.0.1#@good.test/",
    "http://127.0.0.1?@good.test/",
    "http://good.test\\@127.0.0.1/",
    "http://127.0.0.1\\@good.test/",
    "http:\\\\127.0.0.1\\a.png",
    "http://127.0.0.1%5c@good.test/",
    "http://good.test%5C.127.0.0.1/",
    "http://good.test/a\\b.png",
    "http://good.test/a%5Cb.png",
    "http://good.test/\r\nHost: 127.0.0.1",
    "http://good.test/ HTTP/1.1\r\nX: y",
    "http://good.test/\0",
    "http://good.test/\x7f",
    "http://127.0.0.1\t/",
    "http://127.0.0.\n1/",
    "http://good.test\u200b/",
    "http://good.\u202etset/",
    "http://\ufeffgood.test/",
    "http://127.0.0.1%00.good.test/",
    "http://%31%32%37.0.0.1/",
    "http://127%2e0%2e0%2e1/",
    "http://good.test%2f@127.0.0.1/",
    "http://good test/",
    "http://good..test/",
    "http://.good.test/",
    "http://-good.test/",
    "http://good-.test/",
    "http://good.test../",
    "http://" + "a" * 64 + ".test/",
    "http://" + "a." * 127 + "test/",
    "http://good.test/" + "a" * 9000,
    "http://１２７.0.0.1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://ｌｏｃａｌｈｏｓｔ/",
    "http://ⓛocalhost/",
    "http://good.test／@127.0.0.1/",
    "http://good｡test/",
    "http://xn--/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]good.test/",
    "http://[fe80::1%25eth0]/",
    "http://[::1%250]/",
    "http://[127.0.0.1]/",
    "http://[good.test]/",
    "http://[::ffff:127.0.0.1%25lo]/",
    "http://[1:2:3:4:5:6:7:8:9]/",
    "http://\ud800.test/",
)
"""Schemes, user names, ports, separators, encodings and look-alikes."""

HOSTILE_URLS = (
    *ODD_URLS,
    *(f"http://{host}/latest/meta-data/" for host in INTERNAL_HOSTS),
    *(f"https://{host}/" for host in INTERNAL_HOSTS),
    *(f"http://{host}/" for host in ODD_NUMBERS),
    *(f"http://{host}/a.png" for host in INTERNAL_NAMES),
)

HOSTILE_ANSWERS = tuple(host.strip("[].") for host in INTERNAL_HOSTS)
"""Addresses with which a name server may answer."""
