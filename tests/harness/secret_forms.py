"""Lines that contain SECRET: all forms in which users type a secret, correct and misspelt."""

from __future__ import annotations

import json

SECRET = "hunter2"

# Each is a line for QMP; the secret is the word X.
_QMP = """
set_password protocol=vnc password=X
set_password protocol=vnc password:="X"
set_password protocol=vnc password='X'
set_password protocol=vnc passwrod=X
set_password protocol=vnc pw=X
set_password protocl=vnc password=X
set_password protocol=vnc secret=X
set_password protocol=vnc key.word=X
set_password {"protocol": "vnc", "password": "X"}
set_password {"protocol": "vnc", "pw": "X"}
set_password protocol=vnc password=my X
set_password protocol=vnc password = X
set_password protocol=vnc password="X
set_password protocol=vnc password={X}
set_password protocol=vnc password:X
set_password vnc X
set_password -protocol vnc -password X
set_pasword protocol=vnc pw=X
set_pasword vnc X
set_passwrod protocol=vnc psw=X
set_passwrod vnc X
setpassword protocol=vnc secret=X
set-password protocol=vnc pw=X
vnc-password pw=X
change-vnc-password password=X
change-vnc-password X
change-vnc-pasword pw=X
change device=vnc target=password arg=X
chagne vnc password X
change vnc pasword X
block_passwd device=d0 pwd=X
guest-set-user-password username=root password=X crypted=false
guest-set-user-password username=root secret=X
guest-set-usr-pasword username=root secret=X
guest-exec path=/bin/sh input-data=X
guest-exec path=/bin/sh inputdata=X
gest-exec path=/bin/sh stdin=X
guest-exec path=/bin/sh env=["PGPASSWORD=X"]
sev-inject-launch-secret packet-header=a secret=X
sev-inject-launch-secrt packet-header=a scret=X
object-add qom-type=secret id=s data=X
object-add qom-type=secret id=s dat=X
object-add qom-type=secret id=s password=X
object-add qom-type=secret id=s props.data=X
object-add qom-type=secret id=s props={'dat': 'X'}
object-add qom-type=secrt id=s data=X
object-add qom-type=sec id=s data=X
object-add qom_type=secret id=s dta=X
object-add type=secret id=s data=X
object-add id=s data=X
object-ad qom-type=secret id=s dat=X
objct_add qom-type=secrt id=s data=X
object-add secret,id=s,data=X
object-add secrt,id=s,data=X
object-add secret id=s data=X
object_add secret,id=s,dat=X
object-add qom-type=secret,id=s,data=X
object-add id=s,qom-type=secret,data=X
object secret,id=s,data=X
/keyval object secret,id=s,data=X
/keyval object secrt,id=s,data=X
/keyval object secret,id=s,dat=X
/keyval object-add qom-type=secret,data=X
/keyvla object secret,id=s,data=X
qom-set path=/objects/s property=data value=X
qom-set path=/objects/s property=dat value=X
qom-set path=/objects/s property=data valu=X
qom-set path=/objects/s propety=data value=X
qom-set path=/objects/s propertydata value=X
qom-set path=/objects/s property=datavalue "X"
qom-set path=/objects/s data=X
qom-set path=/objects/s dat=X
qom-set path=/objects/s value=X
qom-set path=/machine property=admin-password value=X
qom-set /objects/s data X
qom_set path=/objects/s data=X
qomset path=/objects/s property=data value=X
blockdev-add driver=https url=https://h/ password=X
blockdev-add driver=https url=https://u:X@h/
blockdev-add driver=https file.cookie=X
blockdev-add driver=https file.cokie=X
blockdev-add file=json:{"password":"X"}
migrate uri=tcp://u:X@h
human-monitor-command command-line="set_password vnc X"
human-monitor-command command-line="set_pasword vnc X"
human-monitor-command comand-line="set_password vnc X"
human-monitor-comand command-line="object_add secret,id=s,data=X"
transaction( set_pasword pw=X )
stop; set_password protocol=vnc pw=X; cont
/oob set_pasword protocol=vnc pw=X
/oob set_password vnc X
/watch set_pasword vnc X
/watch -n 1 -c 1 set_password protocol=vnc pw=X
/connect ws://u:X@h/
password=X
# set_password protocol=vnc password=X
stop # password=X
{"execute": "set_password", "arguments": {"protocol": "vnc", "password": "X"}}
{'execute': 'set_password', 'arguments': {'protocol': 'vnc', 'password': 'X'}}
{"execute": "set_password", "arguments": {"password": "X"}, "arguments": {}}
{"execute": "set_password", "arguments": {"pw": "X"}, "arguments": {"pw": "Y"}}
{"execute": "set_password", "arguments": {"pw": "X"}}
{"execute": "set_password", "argumnets": {"pw": "X"}}
{"exceute": "set_password", "arguments": {"pw": "X"}}
{"execute": "set_password", "pasword": "X"}
{"execute": "set_pasword", "arguments": {"pw": "X"}}
{"execute": "object-add", "arguments": {"qom-type": "secrt", "dat": "X"}}
{"execute": "qom-set", "arguments": {"path": "/objects/s", "data": "X"}}
{"execute": "change-vnc-password", "arguments": {"password": ["X"]}}
{"execute": "set_password" "arguments": {"password": "X"}}
{"execute": "set_password", "arguments": {"password": X}}
"""

# Each is a line for the human monitor.
_HMP = """
set_password vnc X
set_password vnc X keep
set_password vnc "X" -d d0
set_password X
set_password vcn X
set_pasword vnc X
set_passwrod vnc X
set_passwd vnc X
setpassword vnc X
vnc_password X
set_password protocol=vnc pw=X
change vnc password X
change vnc pasword X
change vnc pw X
change vnc X
change vcn password X
chagne vnc password X
block_passwd d0 X
block_pasword d0 X
object_add secret,id=s,data=X
object_add secrt,id=s,data=X
object_add secret,id=s,dat=X
object_add secret id=s data=X
object_add qom-type=secrt,data=X
object_add id=s,data=X
objct_add secret,id=s,data=X
object-add secret,id=s,data=X
object_add {"qom-type": "secret", "data": "X"}
qom-set /objects/s data X
qom-set /objects/s dat X
qom-set data X
qom_set /objects/s data X
qomset /objects/s data X
change-vnc-password X
guest-set-user-password username=root secret=X
drive_add 0 if=none,file=https://u:X@h/x,id=a
drive_add 0 file.driver=https,file.cookie=X,id=a
"""


def _lines(text: str) -> list[str]:
    return [line.replace("X", SECRET) for line in text.split("\n") if line]


HMP_FORMS = _lines(_HMP)
QMP_FORMS = [
    *_lines(_QMP),
    *(f"/hmp {line}" for line in HMP_FORMS),
    *(f"/watch -n 1 -c 1 /hmp {line}" for line in HMP_FORMS[:4]),
    *(
        json.dumps({"execute": "human-monitor-command", "arguments": {"command-line": line}})
        for line in HMP_FORMS
    ),
]

# Lines without secrets that are similar to those above.
ORDINARY_QMP = """
device_add driver=e1000e id=net0
object-add qom-type=memory-backend-ram id=m size=1M
object-add memory-backend-ram,id=m,size=1M
object-ad qom-type=memory-backend-ram id=m
object-add id=m size=1M
object-add qom-type=secret id=s file=/run/s format=base64
object-del id=s
qom-get path=/objects/s property=data
qom-set path=/machine property=rtc-time value=5
qom-set path=/machine rtc=5
qom-set path=/machine property=date valu=5
qom-set path=/machine property=rtc-time value=5 6
qom-lst path=/
change device=ide1-cd0 target=/x.iso
change-backing-file device=d0 image-node-name=n backing-file=/x
guest-sync id=5
guest-exec path=/bin/sh arg=["-c"] capture-output=true
guest-exec path=/bin/sh args=["-c"]
guest-exec-status pid=5
expire_password protocol=vnc time=now
expire_pasword protocol=vnc time=now
expire_password vnc now
set_password protocl=vnc password=@?
set_link name=n0 up=off
block-stream device=d0 job-id=passport
blockdev-add driver=luks key-secret=s0 file.driver=null-co
/help set_password password
/help set_pasword protocol
/apropos set password
/keyval object memory-backend-ram,id=m,size=1M
/keyval blockdev driver=raw,file.driver=null-co
/wait MIGRATION_PASS pass=2
/watch -n 2 query-status
transaction( block-dirty-bitmap-add node=d0 name=b0 )
device_del net1
object-del s
qom-get /machine type
{"execute": "object-del", "arguments": {"id": "s"}}
{"execute": "qom-get", "arguments": {"path": "/objects/s", "property": "data"}}
""".strip().split("\n")

ORDINARY_HMP = """
info block
change ide1-cd0 /x.iso
change vnc :1
change vnc none
change vnc localhost:1,password
set_link n0 off
set_password vnc
object_del s
object_add memory-backend-ram,id=m,size=1M
object_add memory-backend-ram id=m size=1M
object_add secret,id=s,file=/run/s
qom-get /x data
qom-set /x size 5
qom-list /x
expire_password vnc now
chardev-change c null
savevm change
sum 0 5
help set_password
x /10i 0
""".strip().split("\n")
