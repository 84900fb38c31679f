// What the tests and fuzz targets of this room share: a store with a few known messages, served on a connection.
#pragma once

#include <memory>

#include "protocol/imap/memory_backend.h"
#include "protocol/imap/server.h"

namespace angarium::protocol::imap::testing {

/// A plain message of 183 octets: 161 of header, 22 of body.
inline constexpr std::string_view kPlain =
    "Date: Wed, 17 Jul 1996 02:23:25 -0700\r\n"
    "From: Terry Gray <gray@cac.example>\r\n"
    "To: imap@cac.example\r\n"
    "Subject: IMAP4rev2 WG mtg\r\n"
    "Message-Id: <B27397@cac.example>\r\n"
    "\r\n"
    "Hello Joe,\r\nsee you.\r\n";

/// multipart/mixed: text in ISO-8859-1 quoted-printable, a PNG of three octets in base64, an enclosed message.
inline constexpr std::string_view kParts =
    "From: =?iso-8859-1?Q?J=FCrgen?= <j@example.test>\r\n"
    "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"
    "Date: Thu, 18 Jul 1996 10:00:00 +0000\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n"
    "\r\n"
    "--b\r\n"
    "Content-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\n"
    "Sch=F6n=\r\n"
    "er Tag\r\n"
    "--b\r\n"
    "Content-Type: image/png; name=x.png\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "AAEC\r\n"
    "--b\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Subject: inner\r\n"
    "\r\n"
    "Inner text\r\n"
    "--b--\r\n";

/// A store with the user "fred", password "secret", whose INBOX holds kPlain (UID 1), kParts (UID 2, \Seen) and kPlain
/// again (UID 3, \Flagged $Work), all \Recent. "wilma" has nothing; the mailboxes of "club" are the public ones.
std::shared_ptr<MemoryStore> make_store();

/// Serves the connection to its end. Passwords are taken without TLS or not.
io::Task<> serve(std::shared_ptr<MemoryStore> store, std::shared_ptr<const ServerOptions> options,
                 MemoryAuthenticator::Plaintext plaintext, wire::Connection& connection);

}  // namespace angarium::protocol::imap::testing
