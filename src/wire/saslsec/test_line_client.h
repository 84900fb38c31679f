// For tests of line protocols: a client that says lines, authenticates by any mechanism, and goes on under its layer.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "io/memory.h"
#include "sasl/mechanism.h"
#include "sasl/memory_gss.h"
#include "support/test.h"
#include "wire/connection/connection.h"
#include "wire/saslsec/connection.h"
#include "wire/saslsec/exchange.h"
#include "wire/saslsec/memory_desk.h"

namespace angarium::wire::saslsec {

class LineClient {
 public:
  /// `challenge` is what stands before a challenge: "334 " or "+ ".
  LineClient(io::SimulatedLoop& loop, std::unique_ptr<Connection> connection, std::string challenge)
      : loop_(loop), below_(std::move(connection)), challenge_(std::move(challenge)) {}

  [[nodiscard]] Connection& connection() { return secured_ ? *secured_ : *below_; }

  /// Lines of all that comes, with '|' between them.
  std::string hear() {
    loop_.settle();
    std::string text(65'536, '\0');
    text.resize(connection().try_read({text.data(), text.size()}).value_or(0));
    std::string lines;
    for (const char c : text)
      if (c != '\r') lines += c == '\n' ? '|' : c;
    if (lines.ends_with('|')) lines.pop_back();
    return lines;
  }
  std::string say(std::string_view line) {
    const std::string octets = std::string(line) + "\r\n";
    std::string_view rest = octets;
    // A layer takes octets once they are wrapped, and tells so at the next call.
    while (!rest.empty()) {
      const auto taken = connection().try_write(rest);
      REQUIRE(taken);
      rest.remove_prefix(*taken);
      loop_.settle();
    }
    return hear();
  }

  /// What STARTTLS does once it is agreed on, if it is.
  std::string start_tls() {
    const std::string said = say("STARTTLS");
    if (!said.starts_with("220 ")) return said;
    loop_.spawn([](Connection& end) -> io::Task<> {
      Input none;
      (void)co_await end.start_tls(none);
    }(*below_));
    loop_.settle();
    return said;
  }

  /// What is told of the client beyond its name and password.
  struct Terms {
    std::string name = "alice";
    std::string password = "open sesame 7";
    std::string acting_as{};
    sasl::Protection protection = sasl::Protection::none;
    std::string service{};
    std::string host = "mail.example.test";
  };
  /// The whole exchange after `command` ("AUTH CRAM-MD5", "a AUTHENTICATE CRAM-MD5"): the server's last line. Under the
  /// layer that was agreed on, if any, goes all that follows.
  std::string authenticate(std::string_view command, std::string_view mechanism, const Terms& terms) {
    sasl::ClientContext context;
    context.identity = {.authentication_id = terms.name, .authorization_id = terms.acting_as};
    context.password = sasl::Secret::copy(terms.password);
    context.bindings = channel_bindings(connection());
    context.service = terms.service;
    context.host = terms.host;
    context.protection_min = context.protection_max = terms.protection;
    context.now = WallTime::from_seconds(1'700'000'000);
    context.gss = sasl::memory_gss_initiator(terms.name, terms.service);
    const auto exchange = sasl::find_mechanism(mechanism)->use(std::move(context));
    auto first = exchange->initial_response();
    REQUIRE(first);
    std::string line = say(std::string(command) + " " + std::string(mechanism));
    while (line.starts_with(challenge_) || line == trim(challenge_)) {
      const auto octets = from_base64(trim(std::string_view(line).substr(std::min(challenge_.size(), line.size()))));
      REQUIRE(octets);
      auto response = octets->empty() && *first ? Result<std::string>(*std::exchange(*first, std::nullopt))
                                                : exchange->respond(*octets);
      line = say(response ? to_base64(*response) : "*");
    }
    const bool in = line.starts_with("2") || line.starts_with("+OK") || line.find(" OK ") != std::string::npos;
    if (!in || !exchange->finish({})) return line;
    if (auto layer = exchange->take_layer()) secured_ = secured(*below_, std::move(layer));
    return line;
  }
  [[nodiscard]] bool secure() const { return secured_ != nullptr; }
  /// What lies under the layer.
  [[nodiscard]] Connection& below() { return *below_; }

 private:
  io::SimulatedLoop& loop_;
  std::unique_ptr<Connection> below_;
  std::unique_ptr<Connection> secured_{};
  std::string challenge_;
};

/// Alice, her password, her one-time passwords and her token, and guests.
inline void furnish(MemoryLogins& logins) {
  logins.users["alice"] = "open sesame 7";
  logins.tokens["token-of-alice"] = "alice";
  logins.guests = true;
  logins.host = "mail.example.test";
  logins.otp["alice"] =
      sasl::otp_state("open sesame 7", {.algorithm = sasl::OtpAlgorithm::md4, .seed = "ab1234"}).value();
}

/// The mechanisms by which Alice's password proves who she is, without TLS.
inline constexpr std::string_view kByPassword[] = {"SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5",
                                                   "NTLM",          "CRAM-MD5",      "PLAIN",       "LOGIN"};

}  // namespace angarium::wire::saslsec
