#include "program/login_options.h"

#include <CLI/CLI.hpp>

namespace angarium::program {

void add_login(CLI::App* made, RemoteLogin& login) {
  made->add_option("--user", login.user, "IMAP: the name to log in by");
  auto* const file = made->add_option("--password-file", login.password_file,
                                      "IMAP: a file that only you can read, with the password as its first line; "
                                      "you are asked without it");
  auto* const input =
      made->add_flag("--password-stdin", login.password_stdin, "IMAP: read the password from standard input, one line")
          ->excludes(file);
  auto* const token =
      made->add_flag("--token", login.token, "IMAP: it is an access token (OAUTHBEARER, XOAUTH2), not a password");
  made->add_flag("--tickets", login.tickets,
                 "IMAP: no password: you have tickets of Kerberos (GS2-KRB5, GSSAPI), as this user")
      ->excludes(file, input, token);
  made->add_option("--key", login.key,
                   "IMAP: the SHA-256 of the server's public key, where its certificate is vouched for by nobody");
}

}  // namespace angarium::program
