// For tests of clients: who stands between a client and its server, sees what passes, and ends or changes it at an
// octet; and the world around both that is the same for each protocol.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"
#include "io/error.h"
#include "io/memory.h"
#include "sasl/mechanism.h"
#include "sasl/memory_gss.h"
#include "support/test.h"
#include "wire/connection/connection.h"
#include "wire/framing/input.h"

namespace angarium::wire::saslsec {

class Between {
 public:
  /// What happens to the server's octets.
  struct Fault {
    std::size_t end_after = SIZE_MAX;  ///< the connection ends behind so many
    std::size_t spoil = SIZE_MAX;      ///< this one is another
    bool octets = false;               ///< one comes at a time
  };
  Between(io::SimulatedLoop& loop, Fault fault) {
    loop.spawn(carry(*client_.server, *server_.client, to_server_, {}));
    loop.spawn(carry(*server_.client, *client_.server, to_client_, fault));
  }

  [[nodiscard]] Connection& client_end() { return *client_.client; }
  [[nodiscard]] Connection& server_end() { return *server_.server; }
  [[nodiscard]] const std::string& to_client() const { return to_client_; }
  [[nodiscard]] const std::string& to_server() const { return to_server_; }

 private:
  static io::Task<> carry(Connection& from, Connection& to, std::string& seen, Fault fault) {
    Input input;
    while (seen.size() < fault.end_after && co_await input.more(from)) {
      std::string octets(input.view().substr(0, fault.end_after - seen.size()));
      input.clear();
      if (fault.spoil - seen.size() < octets.size()) octets[fault.spoil - seen.size()] ^= 1;
      seen += octets;
      const std::size_t piece = fault.octets ? 1 : octets.size();
      for (std::size_t at = 0; at < octets.size(); at += piece) {
        if (!co_await io::write_all(to, std::string_view(octets).substr(at, piece))) break;
        co_await io::Loop::current().yield();
      }
    }
    to.close();
    from.close();
  }

  MemoryConnections client_ = memory_connections();
  MemoryConnections server_ = memory_connections();
  std::string to_client_{};
  std::string to_server_{};
};

/// What a protocol's own world begins with. Its destructor calls loop.destroy_tasks(), for they work with its members.
struct WorldBetween {
  io::SimulatedLoop loop;
  Between between;

  explicit WorldBetween(Between::Fault fault, std::uint64_t seed = 0) : loop(seed), between(loop, fault) {}
};

/// What stands in each letter, and nobody between is to read.
inline constexpr std::string_view kBusiness = "nobody else's business";
inline std::string letter_of(int lines) {
  std::string letter = "Subject: " + std::string(kBusiness) + "\r\n\r\n";
  for (int i = 0; i < lines; ++i) letter += std::string(70, 'x') + "\r\n";
  return letter;
}
inline const std::string kSmall = letter_of(10);
inline const std::string kLarge = letter_of(3000);  // longer than a buffer of a layer

/// The connection is lost: another one may do.
inline bool trouble_of_the_moment(const Error& error) { return error.temporary() || error.is(io::kEndOfStream); }

/// A course of a session for each octet of the server's behind which the connection may end.
template <class Course>
void for_each_end(std::size_t octets, Course course) {
  for (std::size_t end = 0; end < octets; ++end) {
    CAPTURE(end);
    course(Between::Fault{.end_after = end});
  }
}
/// The same where one of these octets is another.
template <class Course>
void for_each_spoilt(std::size_t from, std::size_t octets, Course course) {
  for (std::size_t at = from; at < octets; ++at) {
    CAPTURE(at - from);
    course(Between::Fault{.spoil = at});
  }
}

/// What the two sides may agree on without TLS.
struct Agreement {
  std::string_view mechanism;
  sasl::Protection protection;
};
inline constexpr Agreement kAgreements[] = {{"DIGEST-MD5", sasl::Protection::integrity},
                                            {"DIGEST-MD5", sasl::Protection::confidentiality},
                                            {"GSSAPI", sasl::Protection::integrity},
                                            {"GSSAPI", sasl::Protection::confidentiality}};

/// Alice, who wants that much at least; by a ticket for the service, or by her password.
inline sasl::ClientContext credentials_for(const Agreement& agreement, std::string_view service) {
  sasl::ClientContext credentials;
  credentials.host = "mail.example.test";
  credentials.protection_min = agreement.protection;
  credentials.protection_max = agreement.protection;
  if (agreement.mechanism == "GSSAPI") {
    credentials.has = sasl::Needs::ticket;
    credentials.gss = sasl::memory_gss_initiator("alice", std::string(service));
  } else {
    credentials.identity.authentication_id = "alice";
    credentials.password = sasl::Secret::copy("open sesame 7");
  }
  return credentials;
}

/// A server's next line.
inline io::Task<std::string> hear_line(Connection& connection, Input& input) {
  for (;;) {
    const auto line = input.take_line(60'000);
    if (line && *line) co_return std::string((*line)->text);
    if (!line || !co_await input.more(connection)) co_return "";
  }
}

/// A server's exchange by GSSAPI, up to what its client agrees on; the outcome is not told yet. `first`: the response
/// in the command; `before`: what stands before a challenge.
inline io::Task<std::unique_ptr<sasl::SecurityLayer>> agree(Connection& connection, Input& input, std::string first,
                                                            std::string before, std::string service) {
  const auto exchange = sasl::find_mechanism("GSSAPI")->serve(
      {.service = std::move(service), .protection = sasl::Protection::confidentiality});
  auto step = exchange->start(*from_base64(first));
  for (;;) {
    if (auto* wanted = std::get_if<sasl::GssWanted>(&step)) {
      step = exchange->answer_gss(sasl::memory_gss_answer(std::move(*wanted)));
    } else if (std::holds_alternative<sasl::AuthorityWanted>(step)) {
      step = exchange->answer_verdict({});
    } else if (auto* challenge = std::get_if<sasl::Challenge>(&step)) {
      (void)co_await io::write_all(connection, before + to_base64(challenge->octets) + "\r\n");
      step = exchange->step(*from_base64(co_await hear_line(connection, input)));
    } else {
      break;
    }
  }
  auto* success = std::get_if<sasl::Success>(&step);
  CHECK(success != nullptr);
  co_return success == nullptr ? nullptr : std::move(success->layer);
}

}  // namespace angarium::wire::saslsec
