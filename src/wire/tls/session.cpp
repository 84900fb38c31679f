#include "wire/tls/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "io/address.h"
#include "wire/framing/spare.h"

namespace angarium::wire::tls {
namespace {

/// The most plain text that is sealed before the stream is tried: four records.
constexpr std::size_t kMostAtOnce = 4 * SSL3_RT_MAX_PLAIN_LENGTH;

std::string alpn_list(const std::vector<std::string>& protocols) {
  std::string list;
  for (const auto& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) continue;
    list += static_cast<char>(protocol.size());
    list += protocol;
  }
  return list;
}

Session& session_of(BIO* bio) { return *static_cast<Session*>(BIO_get_data(bio)); }

}  // namespace

int Session::read_sealed(BIO* bio, char* room, std::size_t size, std::size_t* count) {
  auto& self = session_of(bio);
  BIO_clear_retry_flags(bio);
  *count = 0;
  auto got = self.stream_.try_read({room, size});
  if (!got) {
    self.stream_error_ = std::move(got).error();
    return 0;
  }
  if (*got == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *count = *got;
  return 1;
}

int Session::write_sealed(BIO* bio, const char* octets, std::size_t size, std::size_t* count) {
  auto& self = session_of(bio);
  if (self.sealed_.empty()) self.sealed_ = Spare::of_this_thread().take_string();
  self.sealed_.append(octets, size);
  *count = size;
  return 1;
}

long Session::control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* Session::method() {
  static const auto made = [] {
    std::unique_ptr<BIO_METHOD, Freer<BIO_meth_free>> fresh(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "angarium stream"));
    BIO_meth_set_read_ex(fresh.get(), read_sealed);
    BIO_meth_set_write_ex(fresh.get(), write_sealed);
    BIO_meth_set_ctrl(fresh.get(), control);
    return fresh;
  }();
  return made.get();
}

Session::~Session() { Spare::of_this_thread().give_string(std::move(sealed_)); }

Result<void> Session::attach(SSL_CTX* context) {
  ssl_.reset(SSL_new(context));
  BIO* bio = ssl_ ? BIO_new(method()) : nullptr;
  if (!bio) return openssl_failure(kTlsLibrary, "a TLS session");
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), &handshaking_);
  return {};
}

Result<std::unique_ptr<Session>> Session::make_server(io::Stream& stream, const ServerOptions& options) {
  std::unique_ptr<Session> session(new Session(stream, Role::server));
  auto& body = options.context->body();
  session->handshaking_ = {body.get(), &body.tickets, &options.protocols};
  TRY(session->attach(session->handshaking_.identities->fallback()));
  SSL_set_accept_state(session->ssl_.get());
  return session;
}

Result<std::unique_ptr<Session>> Session::make_client(io::Stream& stream, const ClientOptions& options) {
  std::unique_ptr<Session> session(new Session(stream, Role::client));
  const auto& body = options.context->body();
  TRY(session->attach(body.context.get()));
  auto* ssl = session->ssl_.get();
  SSL_set_connect_state(ssl);
  if (options.highest == TlsVersion::tls12) SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
  session->verify_ = body.verification != Verification::none;
  const auto& name = options.server_name;
  bool good = true;
  if (io::IpAddress::parse(name)) {
    good = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  } else if (!name.empty()) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);  // RFC 9525 §6.3
    good = SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 && SSL_set1_host(ssl, name.c_str()) == 1;
  } else if (body.verification == Verification::webpki) {
    return fail(kTlsHandshake, "a name is needed to verify the server");
  }
  auto list = alpn_list(options.protocols);
  if (!list.empty())
    good = good && SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(list.data()),
                                       static_cast<unsigned>(list.size())) == 0;
  if (!good) return openssl_failure(kTlsLibrary, "a TLS session");
  return session;
}

Error Session::failure(const ErrorKind& kind, std::string_view what) {
  failed_ = true;
  may_read_ = true;
  // Whoever checks opportunistically goes on with a certificate that is not good, and may fail of another reason later.
  const bool unverified = ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  auto reason = take_openssl_errors();
  bool shaking = &kind == &kTlsHandshake;
  if (stream_error_) return Error(shaking ? kTlsHandshake : stream_error_->kind(), stream_error_->text());
  if (shaking && unverified) reason = X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()));
  return Error(kind, fmt::format("{}: {}", what, reason));
}

Result<bool> Session::flush() {
  while (sealed_sent_ < sealed_.size()) {
    auto sent = TRY(stream_.try_write(std::string_view(sealed_).substr(sealed_sent_)));
    if (sent == 0) return false;
    sealed_sent_ += sent;
  }
  if (!sealed_.empty()) Spare::of_this_thread().give_string(std::exchange(sealed_, {}));
  sealed_sent_ = 0;
  return true;
}

Result<Session::Progress> Session::handshake() {
  if (failed_) return fail(kTlsHandshake, "failed before");
  ERR_clear_error();
  auto result = SSL_do_handshake(ssl_.get());
  auto code = SSL_get_error(ssl_.get(), result);
  auto flushed = flush();
  if (result != 1 && code != SSL_ERROR_WANT_READ) return std::unexpected(failure(kTlsHandshake, "handshake"));
  if (!flushed) {
    failed_ = true;
    return fail(kTlsHandshake, flushed.error().text());
  }
  // What a server of TLS 1.3 still has to send at its end are tickets: the client may read them later.
  bool only_tickets = result == 1 && role_ == Role::server && SSL_version(ssl_.get()) == TLS1_3_VERSION;
  if (!*flushed && !only_tickets) return Progress::waits_for_output;
  if (result != 1) return Progress::waits_for_input;
  learn();
  handshaking_.identities.reset();
  return Progress::done;
}

void Session::learn() {
  auto* ssl = ssl_.get();
  info_.version = SSL_get_version(ssl);
  info_.cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(ssl));
  info_.cipher_bits = static_cast<unsigned>(SSL_get_cipher_bits(ssl, nullptr));
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) info_.server_name = name;
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  info_.protocol.assign(reinterpret_cast<const char*>(protocol), size);
  if (X509* certificate = SSL_get0_peer_certificate(ssl)) {
    info_.peer_subject = subject_of(*certificate);
    info_.peer_key = key_digest_of(*certificate);
    info_.peer_mailbox = mailbox_of(*certificate);
    // A server that asked for a certificate goes on without a good one.
    const bool checked = verify_ || SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
    info_.peer_verified = checked && SSL_get_verify_result(ssl) == X509_V_OK;
  }
}

Result<std::size_t> Session::try_read(std::span<char> room) {
  if (failed_) return fail(io::kReset, "TLS failed");
  ERR_clear_error();
  std::size_t total = 0;
  while (total < room.size()) {
    std::size_t count = 0;
    if (SSL_read_ex(ssl_.get(), room.data() + total, room.size() - total, &count) == 1) {
      total += count;
      may_read_ = SSL_has_pending(ssl_.get()) == 1;
      if (!may_read_) return total;
      continue;
    }
    auto code = SSL_get_error(ssl_.get(), 0);
    if (total > 0 && code != SSL_ERROR_WANT_READ) break;  // told by the next call
    if (code == SSL_ERROR_WANT_READ) {
      may_read_ = false;
      (void)flush();  // an answer to a key update; whatever fails here fails again where it is seen
      return total;
    }
    may_read_ = true;
    if (code == SSL_ERROR_ZERO_RETURN) return fail(io::kEndOfStream, "close_notify");
    (void)flush();  // the alert
    auto error = failure(io::kReset, "TLS");
    // RFC 8446 §6.1: an end without close_notify may be an attacker's.
    if (error.is(io::kEndOfStream)) return fail(io::kReset, "the stream ended without close_notify");
    return std::unexpected(std::move(error));
  }
  return total;
}

Result<std::size_t> Session::try_write(std::span<const std::string_view> pieces) {
  if (failed_ || said_goodbye_) return fail(io::kReset, "TLS is over");
  if (!TRY(flush())) return 0;
  std::size_t taken = 0;
  std::size_t skip = std::exchange(withheld_, false) ? 1 : 0;
  for (auto piece : pieces.first(std::min(pieces.size(), io::Stream::kMaxPieces))) {
    auto skipped = std::min(skip, piece.size());
    skip -= skipped;
    taken += skipped;
    piece.remove_prefix(skipped);
    while (!piece.empty() && taken < kMostAtOnce) {
      std::size_t count = 0;
      ERR_clear_error();
      if (SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &count) != 1)
        return std::unexpected(failure(io::kReset, "TLS"));
      piece.remove_prefix(count);
      taken += count;
    }
    if (!piece.empty()) break;
  }
  withheld_ = skip > 0;
  if (taken == 0 || TRY(flush())) return taken;
  withheld_ = true;
  return taken - 1;
}

void Session::close_notify() {
  if (failed_ || std::exchange(said_goodbye_, true) || !SSL_is_init_finished(ssl_.get())) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  (void)flush();
}

Result<std::string> Session::channel_binding(std::string_view type) const {
  auto* ssl = ssl_.get();
  bool is_13 = SSL_version(ssl) == TLS1_3_VERSION;
  std::string data(EVP_MAX_MD_SIZE, '\0');
  auto* octets = reinterpret_cast<unsigned char*>(data.data());
  if (type == "tls-exporter" && is_13) {  // RFC 9266 §4.2
    constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
    data.resize(32);
    if (SSL_export_keying_material(ssl, octets, 32, kLabel.data(), kLabel.size(), octets, 0, 1) == 1) return data;
  }
  if (type == "tls-unique" && !is_13 && SSL_get_extms_support(ssl) == 1) {  // RFC 5929 §3.1, RFC 7627
    // The first Finished: the client's, or the server's when the session is resumed.
    bool ours = (role_ == Role::client) != (SSL_session_reused(ssl) == 1);
    auto size = ours ? SSL_get_finished(ssl, octets, data.size()) : SSL_get_peer_finished(ssl, octets, data.size());
    data.resize(size);
    if (size > 0) return data;
  }
  return fail(kNoChannelBinding, fmt::format("no {} with {}", type, info_.version));
}

}  // namespace angarium::wire::tls
