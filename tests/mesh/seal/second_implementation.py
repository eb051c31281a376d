#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second implementation of docs/security.md, checked against docs/security-vectors.json.

It shares no code with mesh/seal: encodings and key schedule are written from the specification,
BLAKE2b comes from Python, and libsodium gives only the primitives (ed25519, X25519,
XChaCha20-Poly1305 and the secretstream's reading side).
"""
import base64
import ctypes
import ctypes.util
import hashlib
import json
import sys

library = ctypes.util.find_library("sodium")
if not library:
    sys.exit("libsodium is not installed")
sodium = ctypes.CDLL(library)
if sodium.sodium_init() < 0:
    sys.exit("libsodium cannot start")
u64 = ctypes.c_ulonglong


def u(size, value):
    return value.to_bytes(size, "big")


def var8(data):
    return u(1, len(data)) + data


def var16(data):
    return u(2, len(data)) + data


def digest(label, size, *parts, key=b""):
    text = var8(label.encode()) + b"".join(parts)
    return hashlib.blake2b(text, digest_size=size, key=key).digest()


def key_pair(seed):
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    sodium.crypto_sign_ed25519_seed_keypair(public, secret, seed)
    return public.raw, secret.raw


def sign(secret, label, message):
    text = var8(label.encode()) + message
    out = ctypes.create_string_buffer(64)
    sodium.crypto_sign_ed25519_detached(out, None, text, u64(len(text)), secret)
    return out.raw


def x25519(secret, point=None):
    out = ctypes.create_string_buffer(32)
    if point is None:
        bad = sodium.crypto_scalarmult_curve25519_base(out, secret)
    else:
        bad = sodium.crypto_scalarmult_curve25519(out, secret, point)
    assert bad == 0
    return out.raw


def aead(key, associated, plain):
    out = ctypes.create_string_buffer(len(plain) + 16)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, None, plain, u64(len(plain)), associated, u64(len(associated)), None, bytes(24), key)
    return out.raw


def node_certificate(mesh, side, signer):
    c = side["certificate"]
    body = (u(1, 1) + u(1, 1) + mesh + var8(c["node"].encode()) + bytes.fromhex(c["key"])
            + u(4, c["roles"]) + u(8, c["serial"]) + u(8, c["not_before"]) + u(8, c["not_after"]))
    return body + sign(signer, "vidai/node-certificate/1", body)


def issuer_certificate(mesh, c, signer):
    body = (u(1, 2) + u(1, 1) + mesh + var8(c["name"].encode())
            + bytes.fromhex(c["key"]["public"]) + u(4, c["may_grant"])
            + var8(c["node_pattern"].encode()) + u(4, c["validity_max_seconds"])
            + u(8, c["serial"]) + u(8, c["not_before"]) + u(8, c["not_after"]))
    return body + sign(signer, "vidai/issuer-certificate/1", body)


def proof(side, secret, label, transcript):
    chain = bytes.fromhex(side["chain"])
    hello = (u(8, side["generation"]) + u(2, side["wire_min"]) + u(2, side["wire_max"])
             + var8(side["address"].encode()) + var16(b""))
    signature = sign(secret, label, transcript + var16(chain) + var16(hello))
    return var16(chain) + signature + var16(hello)


def handshake(mesh, root, vector):
    a, b = vector["initiator"], vector["responder"]
    a_secret, b_secret = (bytes.fromhex(s["ephemeral_secret"]) for s in (a, b))
    a_public, b_public = x25519(a_secret), x25519(b_secret)
    a_nonce, b_nonce = (bytes.fromhex(s["nonce"]) for s in (a, b))

    body = (u(1, 1) + var8(u(1, 1)) + u(1, 1) + u(2, 1) + a_public + a_nonce
            + digest("vidai/mesh-tag/1", 16, mesh) + var16(b""))
    m1 = u(2, len(body) + 16) + body
    m1 += digest("vidai/mac1/1", 16, m1, key=digest("vidai/mac1-key/1", 32, root))

    shared = x25519(a_secret, b_public)
    assert shared == x25519(b_secret, a_public)
    kx = hashlib.blake2b(shared + a_public + b_public, digest_size=64).digest()
    from_responder, from_initiator = kx[:32], kx[32:]

    # The length of M2 is in the first transcript: seal once to learn it, then for good.
    fields = u(1, 2) + u(1, 1) + u(2, 1) + b_public + b_nonce
    b_key = key_pair(bytes.fromhex(b["key"]["seed"]))[1]
    size = len(proof(b, b_key, "vidai/handshake-responder/1", bytes(32))) + 16
    clear = u(2, len(fields) + size) + fields
    t1 = digest("vidai/transcript-m2-clear/1", 32, mesh, root, m1, clear)
    sealed = aead(digest("vidai/handshake-key-responder/1", 32, t1, key=from_responder), t1,
                  proof(b, b_key, "vidai/handshake-responder/1", t1))
    m2 = clear + sealed

    t2 = digest("vidai/transcript-m2/1", 32, t1, sealed)
    a_key = key_pair(bytes.fromhex(a["key"]["seed"]))[1]
    sealed = aead(digest("vidai/handshake-key-initiator/1", 32, t2, key=from_initiator), t2,
                  proof(a, a_key, "vidai/handshake-initiator/1", t2))
    m3 = u(2, 1 + len(sealed)) + u(1, 3) + sealed

    t3 = digest("vidai/transcript-m3/1", 32, t2, m3)
    traffic = {
        "from_initiator": digest("vidai/traffic-initiator/1", 56, t3, key=from_initiator),
        "from_responder": digest("vidai/traffic-responder/1", 56, t3, key=from_responder),
    }
    return m1, m2, m3, digest("vidai/channel-binding/1", 32, t3), traffic


def open_records(key, header, records):
    """The plaintexts and tags, by libsodium's documented reading side of a secretstream."""
    state = ctypes.create_string_buffer(64)
    pull = sodium.crypto_secretstream_xchacha20poly1305_pull
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, header, key)
    for record in records:
        wire = bytes.fromhex(record["wire"])
        length, sealed = wire[:2], wire[2:]
        assert int.from_bytes(length, "big") == len(sealed)
        out, tag = ctypes.create_string_buffer(len(sealed)), ctypes.create_string_buffer(1)
        assert pull(state, out, None, tag, sealed, u64(len(sealed)), length, u64(2)) == 0
        yield out.raw[:len(sealed) - 17], tag.raw[0]


def armour(name, content):
    whole = content + digest("vidai/armour/1", 16, var8(name.encode()), content)
    text = base64.b64encode(whole).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----", ""])


def join_token(mesh, root, token, links):
    content = (u(1, 1) + mesh + root + bytes.fromhex(token["key"]["seed"])
               + var16(u(1, len(links)) + b"".join(map(var16, links)))
               + u(1, len(token["seeds"])) + b"".join(var8(s.encode()) for s in token["seeds"]))
    whole = content + digest("vidai/join-token/1", 16, content)
    return "vidai-join-" + base64.urlsafe_b64encode(whole).decode().rstrip("=")


def operator_statement(said):
    if "revocation" in said:
        fields = said["revocation"]
        return "vidai/revocation/1", (
            u(1, 1) + bytes.fromhex(fields["key"]) + u(8, fields["until"])
            + var8(fields["subject"].encode()) + var8(fields["reason"].encode()))
    fields = said["forget"]
    return "vidai/forget/1", (u(1, 1) + u(8, fields["serial"]) + u(8, fields["generation"])
                              + u(8, fields["until"]))


def succession(mesh, root, root_secret, said):
    """The value, the statement and the old root's signature of a roll-over."""
    new, new_secret = key_pair(bytes.fromhex(said["new_root"]["seed"]))
    times = u(8, said["began"]) + u(8, said["until"])
    value = (u(1, 1) + new + times
             + sign(new_secret, "vidai/root-acceptance/1", mesh + root + new + times))
    text = (u(1, 4) + var8(root.hex().encode()) + u(1, 1) + u(8, said["time"]) + var8(b"root")
            + var16(value))
    return value, text, sign(root_secret, "vidai/root-statement/1", mesh + text)


def member_word(said, side):
    """A node about itself: little-endian here, as no other part of the protocol."""
    def le(size, number):
        return number.to_bytes(size, "little")

    def text(data):
        return le(4, len(data)) + data

    bits = sum(1 << bit for bit in said["capability_bits"])
    bits = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    profile = var8(said["software"].encode()) + var8(bits) + said["more"].encode()
    key, secret = key_pair(bytes.fromhex(side["key"]["seed"]))
    record = (text(said["node"].encode()) + key + le(8, said["serial"])
              + le(8, said["generation"]) + le(4, said["incarnation"]) + le(1, said["left"])
              + text(said["address"].encode()) + le(2, said["wire_oldest"])
              + le(2, said["wire_newest"]) + text(bytes.fromhex(side["chain"])))
    return profile, record, (sign(secret, "vidai/member-record/1", record),
                             sign(secret, "vidai/member-profile/1", record + text(profile)))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        vectors = json.load(file)
    checks = 0

    def same(name, ours, theirs):
        nonlocal checks
        checks += 1
        if ours != theirs:
            sys.exit(f"{name}: the vectors say\n  {theirs}\nthe specification gives\n  {ours}")

    mesh = bytes.fromhex(vectors["mesh_id"])
    root, root_secret = key_pair(bytes.fromhex(vectors["root"]["seed"]))
    same("root key", root.hex(), vectors["root"]["public"])
    same("fingerprint", digest("vidai/fingerprint/1", 32, root).hex()[:32],
         vectors["root"]["fingerprint"])
    for entry in vectors["signatures"]:
        same(entry["label"], sign(root_secret, entry["label"],
                                  bytes.fromhex(entry["message"])).hex(), entry["signature"])
    same("armour", armour(vectors["armour"]["name"], bytes.fromhex(vectors["armour"]["content"])),
         vectors["armour"]["text"])

    issuer = issuer_certificate(mesh, vectors["issuer"], root_secret)
    same("issuer certificate", issuer.hex(), vectors["issuer"]["encoded"])
    issuer_secret = key_pair(bytes.fromhex(vectors["issuer"]["key"]["seed"]))[1]

    token = vectors["token"]
    leaf = node_certificate(mesh, token, issuer_secret)
    same("join certificate", leaf.hex(), token["certificate"]["encoded"])
    same("token", join_token(mesh, root, token, [issuer, leaf]), token["text"])
    asked = token["request"]
    node, node_secret = key_pair(bytes.fromhex(asked["key"]["seed"]))
    same("request", sign(node_secret, "vidai/certificate-request/1",
                         bytes.fromhex(asked["binding"]) + mesh + var8(asked["node"].encode())
                         + node).hex(), asked["proof"])

    alice = key_pair(bytes.fromhex(vectors["handshakes"][1]["initiator"]["key"]["seed"]))[1]
    for said in vectors["statements"]:
        label, value = operator_statement(said)
        same("statement's value", value.hex(), said["value"])
        text = (u(1, said["kind"]) + var8(said["id"].encode()) + u(1, 1) + u(8, said["time"])
                + var8(said["by"].encode()) + var16(value))
        same("statement", text.hex(), said["statement"])
        same("statement's signature", sign(alice, label, mesh + text).hex(), said["signature"])

    said = vectors["succession"]
    value, text, signature = succession(mesh, root, root_secret, said)
    same("succession's value", value.hex(), said["value"])
    same("succession", text.hex(), said["statement"])
    same("succession's signature", signature.hex(), said["signature"])
    same("succession as told", (var16(text) + signature).hex(), said["told"])

    said = vectors["member"]
    side = vectors["handshakes"][0]["responder"]
    profile, record, signatures = member_word(said, side)
    same("member's profile", profile.hex(), said["profile"])
    same("member's record", record.hex(), said["record"])
    same("member's signatures", [s.hex() for s in signatures],
         [said["signature"], said["profile_signature"]])

    for vector in vectors["handshakes"]:
        for side in (vector["initiator"], vector["responder"]):
            by_root = side["certificate"]["roles"] != 1
            leaf = node_certificate(mesh, side, root_secret if by_root else issuer_secret)
            same("certificate", leaf.hex(), side["certificate"]["encoded"])
            links = [leaf] if by_root else [issuer, leaf]
            same("chain", (u(1, len(links)) + b"".join(map(var16, links))).hex(), side["chain"])
        m1, m2, m3, binding, traffic = handshake(mesh, root, vector)
        same("M1", m1.hex(), vector["m1"])
        same("M2", m2.hex(), vector["m2"])
        same("M3", m3.hex(), vector["m3"])
        same("binding", binding.hex(), vector["binding"])
        for name, keys in traffic.items():
            direction = vector[name]
            same(name, (keys[:32].hex(), keys[32:].hex()), (direction["key"], direction["header"]))
            tags = {"message": 0, "rekey": 2, "final": 3}
            for record, (plain, tag) in zip(
                    direction["records"], open_records(keys[:32], keys[32:], direction["records"]),
                    strict=True):
                same("record", (plain.hex(), tag), (record["plaintext"], tags[record["kind"]]))
    print(f"{checks} values agree")


if __name__ == "__main__":
    main()
