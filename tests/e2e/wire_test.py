"""Proves that the Python card's octets are those of the standards: every AES and 3DES vector of
public implementations (osmocom pysim, opentelecoms gsm0348) and two worked traces come out alike,
and a response with any octet changed is refused."""
import sys

import wire
from wire import Keys, unwrap_response, wrap_command

SELECT = bytes.fromhex("00A40004023F00")
PUSH = bytes.fromhex("80EC01011E350103390205784709" "08696E7465726E65743C030117703E05210A000001"
                     "80EC0102113C03002328360A98445301200100103246")
PYSIM_3DES = Keys(3, "3des", bytes.fromhex("300102030405060708090a0b0c0d0e0f"),
                  bytes.fromhex("301102030405060708090a0b0c0d0e0f"))
PYSIM_AES = Keys(2, "aes", bytes.fromhex("200102030405060708090a0b0c0d0e0f"),
                 bytes.fromhex("201102030405060708090a0b0c0d0e0f"))
BOTH = bytes.fromhex("11223344556677889910111213141516")
GSM0348 = Keys(1, "aes", BOTH, BOTH)
OWN_3DES = Keys(1, "3des", bytes.fromhex("A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8"),
                bytes.fromhex("C1C2C3C4C5C6C7C8D1D2D3D4D5D6D7D8"))
OWN_AES = Keys(1, "aes", bytes(range(0x40, 0x50)), bytes(range(0x50, 0x60)))

# (name, keys, CNTR, data, TAR, SPI, carrier, packet)
COMMANDS = [
    ("pysim 3DES", PYSIM_3DES, 0, SELECT, "B00011", (0x06, 0x19), "sms",
     "00201506193535b00011ae733256918d050b87c94fbfe12e4dc402f262c41cf67f2f"),
    ("pysim AES", PYSIM_AES, 0, SELECT, "B00011", (0x06, 0x19), "sms",
     "00281506192222b00011e87cceebb2d93083011ce294f93fc4d8de80da1abae8c37ca3e72ec4432e5058"),
    ("gsm0348 AES, SMS", GSM0348, 0, b"\xAA\xBB", "010203", (0x06, 0x21), "sms",
     "001815062112120102034814CE84CBDEBC1A0DF20A5EE20E74C6"),
    ("gsm0348 AES, CAT_TP", GSM0348, 0, b"\xAA\xBB", "010203", (0x06, 0x21), "bip",
     "01181506211212010203E66898201308DA27D2A8F23145A6F7C3"),
    ("own trace 3DES", OWN_3DES, 1, PUSH, "B20101", (0x16, 0x39), "sms",
     "00501516391515B201011D4C843DDDE9686D96B42DC9479B8043C5F17716A6A4A53876C47D094B229C2BE7CE88C3"
     "B802FD474EBE3835762E78B47E9B4F6F6CC6D50F278762DA2AE03DDA9F36ABF973E6DEAF"),
    ("own trace AES, SMS", OWN_AES, 2, SELECT, "B20101", (0x16, 0x39), "sms",
     "00281516391212B2010178B7E14258FE8085F774303B8E7069BCF6A93811F14FB15EA006BE7B70FCB63D"),
    ("own trace AES, BIP", OWN_AES, 2, SELECT, "B20101", (0x16, 0x19), "bip",
     "01281516191212B20101D5CE6F21F57558A74E638925C33A686B78226859A915F38676B0FC395D218EF1"),
]

# (name, keys, carrier, packet, status, CNTR, data)
RESPONSES = [
    ("pysim 3DES", PYSIM_3DES, "sms",
     "027100001c12b000118bb989492c632529326a2f4681feb37c825bc9021c9f6d0b", 0, 0, "016132"),
    ("pysim clear", PYSIM_3DES, "sms", "027100000e0ab0001100000000000000016132", 0, 0, "016132"),
    ("pysim AES", PYSIM_AES, "sms",
     "027100002412b00011ebc6b497e2cad7aedf36ace0e3a29b38853f0fe9ccde81913be5702b73abce1f", 0, 0,
     "016132"),
    ("gsm0348 clear, BIP", GSM0348, "bip", "020E0AB0000100000000000000026101", 0, 0, "026101"),
    ("own 3DES", OWN_3DES, "sms",
     "027100001C12B201014EEDBCB9B51554BB47F152ACE7702804C872F3A146D6D7E3", 0, 1, "029000"),
    ("own clear, CNTR low", OWN_3DES, "sms", "027100000B0AB2010100000000010002", 2, 1, ""),
    ("own AES, BIP", OWN_AES, "bip",
     "022412B201011DB8A75920CC276EDB8E38C6AA43CE1E390197C0619F8A8D9836872B06A2ABAB", 0, 2,
     "019000"),
]


def check(name, seen, expected):
    if seen != expected:
        sys.exit(f"{name}: expected {expected}, seen {seen}")


def main():
    for name, keys, counter, data, tar, spi, carrier, packet in COMMANDS:
        made = wrap_command(keys, counter, data, bytes.fromhex(tar), spi, carrier=carrier)
        check(f"command, {name}", made.hex(), packet.lower())
        if carrier == "sms":
            spi, tar, counter, data = wire.unwrap_sms_command(keys, bytes.fromhex(packet))
            check(f"command read, {name}", (made[3:5], made[7:10]), (spi, tar))
            check(f"command read, {name}", wrap_command(keys, counter, data, tar, spi,
                                                        carrier=carrier), made)
    changed = 0
    for name, keys, carrier, packet, status, counter, data in RESPONSES:
        packet = bytes.fromhex(packet)
        answer = unwrap_response(keys, packet, carrier)
        check(f"response, {name}", (answer.status, answer.counter, answer.data.hex()),
              (status, counter, data))
        for at in range(len(packet)) if answer.protected else ():
            bad = packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1:]
            try:
                seen = unwrap_response(keys, bad, carrier)
            except (wire.WireError, ValueError):
                changed += 1
            else:
                sys.exit(f"response, {name}: octet {at} changed and accepted as {seen.data.hex()}")
    proof = wire.proof_of_receipt(OWN_3DES, 1, 0, bytes.fromhex("029000"), bytes.fromhex("B20101"))
    check("proof of receipt", proof.hex().upper(), RESPONSES[4][3])
    data = wire.message(wire.STORE_BEGIN, iccid="8986011234567890123", transaction=7, total=300,
                        digest=bytes(32), key="123456788")
    check("message", wire.decode_message(data)[1]["key"], "123456788")
    check("EF_ICCID", wire.ef_iccid("8986011234567890123").hex(), "986810214365870921f3")
    check("EF_ICCID back", wire.iccid_digits(wire.ef_iccid("8986011234567890123")),
          "8986011234567890123")
    check("Damm", [wire.damm_ok("5724"), wire.damm_ok("5727")], [True, False])
    print(f"{len(COMMANDS)} commands and {len(RESPONSES)} responses as in the vectors, "
          f"{changed} changed responses refused")


if __name__ == "__main__":
    main()
