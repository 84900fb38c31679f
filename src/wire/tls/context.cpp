#include "wire/tls/context.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "wire/tls/context_body.h"

namespace angarium::wire::tls {
namespace {

/// Forward secrecy and AEAD only; TLS 1.3 has nothing else. RFC 9325 §4.2.
constexpr const char* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";
/// The server's order: a handshake with SHA-256 takes a tenth less than one with SHA-384
/// (docs/decisions/0004-speed.md).
constexpr const char* kSuites13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr std::array kGroups{NID_X25519, NID_X9_62_prime256v1, NID_secp384r1};
/// RFC 9325 §4.5: no weaker keys.
constexpr int kLeastRsaBits = 2048;
constexpr int kLeastEcBits = 256;

Handshaking& handshaking(SSL* ssl) { return *static_cast<Handshaking*>(SSL_get_app_data(ssl)); }

int choose_identity(SSL* ssl, int*, void*) {
  const char* asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!asked) return SSL_TLSEXT_ERR_NOACK;
  if (SSL_CTX* found = handshaking(ssl).identities->find(asked)) SSL_set_SSL_CTX(ssl, found);
  return SSL_TLSEXT_ERR_OK;
}

/// RFC 7301 §3.2: the server's choice among what the client names, or no_application_protocol.
int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  const auto* protocols = handshaking(ssl).protocols;
  if (!protocols || protocols->empty()) return SSL_TLSEXT_ERR_NOACK;
  for (const auto& protocol : *protocols) {
    for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
      if (at + 1 + offered[at] > offered_size) break;
      if (std::string_view(reinterpret_cast<const char*>(offered + at + 1), offered[at]) != protocol) continue;
      *out = offered + at + 1;
      *size = offered[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int use_ticket_keys(EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, unsigned char* iv, TicketKeys::Keys keys, bool seal) {
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, keys.authentication.data(), keys.authentication.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
  if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return -1;
  auto* begin = seal ? EVP_EncryptInit_ex : EVP_DecryptInit_ex;
  return begin(cipher, EVP_aes_256_cbc(), nullptr, keys.cipher.data(), iv) == 1 ? 1 : -1;
}

/// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 the ticket is good, 2 good but to be renewed, 0 unknown, -1 failure.
int ticket_keys(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int seal) {
  auto& tickets = *handshaking(ssl).tickets;
  auto current = tickets.current();
  if (seal) {
    std::memcpy(name, current.name.data(), current.name.size());
    if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
    return use_ticket_keys(cipher, mac, iv, current, true);
  }
  auto found = tickets.find(name);
  if (!found) return 0;
  auto used = use_ticket_keys(cipher, mac, iv, *found, false);
  return used == 1 && found->name != current.name ? 2 : used;
}

Result<Context> new_context(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method));
  auto groups = kGroups;  // OpenSSL's macro takes no constant
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kCiphers12) != 1 ||
      SSL_CTX_set1_groups(context.get(), groups.data(), static_cast<int>(groups.size())) != 1)
    return openssl_failure(kTlsLibrary, "a TLS context");
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

Result<Context> server_context() {
  auto context = TRY(new_context(TLS_server_method()));
  auto* raw = context.get();
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);  // tickets hold the state
  SSL_CTX_set_num_tickets(raw, 1);
  if (SSL_CTX_set_ciphersuites(raw, kSuites13) != 1) return openssl_failure(kTlsLibrary, "a TLS context");
  SSL_CTX_set_timeout(raw, std::chrono::duration_cast<std::chrono::seconds>(ServerContext::kTicketKeyLife).count());
  SSL_CTX_set_session_id_context(raw, reinterpret_cast<const unsigned char*>("angarium"), 8);
  SSL_CTX_set_tlsext_servername_callback(raw, choose_identity);
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(raw, ticket_keys);
  return context;
}

/// An identity read from its text.
struct Parsed {
  std::vector<Certificate> chain;
  Key key;
  std::vector<std::string> names;
};

Result<Parsed> parse(const Identity& identity) {
  Parsed parsed;
  parsed.chain = TRY(read_certificates(identity.chain_pem));
  parsed.key = TRY(read_key(identity.key_pem));
  parsed.names = names_of(*parsed.chain.front());
  auto subject = subject_of(*parsed.chain.front());
  if (X509_check_private_key(parsed.chain.front().get(), parsed.key.get()) != 1)
    return openssl_failure(kBadCertificate, "the key is not that of the certificate " + subject);
  auto bits = EVP_PKEY_get_bits(parsed.key.get());
  if (bits < (EVP_PKEY_is_a(parsed.key.get(), "RSA") ? kLeastRsaBits : kLeastEcBits))
    return fail(kBadCertificate, fmt::format("the key of {} has {} bits only", subject, bits));
  return parsed;
}

Result<void> use(SSL_CTX* context, const Parsed& identity) {
  if (SSL_CTX_use_certificate(context, identity.chain.front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, identity.key.get()) != 1 || SSL_CTX_clear_chain_certs(context) != 1)
    return openssl_failure(kBadCertificate, "a certificate");
  for (auto next = identity.chain.begin() + 1; next != identity.chain.end(); ++next)
    if (SSL_CTX_add1_chain_cert(context, next->get()) != 1) return openssl_failure(kBadCertificate, "a chain");
  return {};
}

/// Asks clients for a certificate of these authorities. Tickets of sessions that other authorities vouched for do not
/// open here.
Result<void> ask_clients(SSL_CTX* context, std::string_view authorities_pem) {
  // Whoever has none, or a bad one, is served all the same: what it is worth is judged by whom it concerns.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  for (auto& authority : TRY(read_certificates(authorities_pem)))
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1)
      return openssl_failure(kBadCertificate, "an authority for clients");
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(authorities_pem.data(), authorities_pem.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 ||
      SSL_CTX_set_session_id_context(context, digest.data(), size) != 1)
    return openssl_failure(kTlsLibrary, "a TLS context");
  return {};
}

/// One context for each set of identities that answers to some name; the first is that of the first identity.
Result<std::shared_ptr<const Identities>> arrange(const std::vector<Identity>& identities,
                                                  std::string_view client_authorities) {
  if (identities.empty()) return fail(kBadCertificate, "a server needs a certificate");
  std::vector<Parsed> parsed;
  for (const auto& identity : identities) parsed.push_back(TRY(parse(identity)));
  std::map<std::string, std::vector<std::size_t>> of_name;
  std::vector<std::string> order;
  for (std::size_t i = 0; i < parsed.size(); ++i)
    for (const auto& name : parsed[i].names) {
      auto& owners = of_name[name];
      if (owners.empty()) order.push_back(name);
      if (owners.empty() || owners.back() != i) owners.push_back(i);
    }
  auto result = std::make_shared<Identities>();
  std::map<std::vector<std::size_t>, SSL_CTX*> of_set;
  auto context_of = [&](const std::vector<std::size_t>& set) -> Result<SSL_CTX*> {
    auto& known = of_set[set];
    if (known) return known;
    auto context = TRY(server_context());
    if (!client_authorities.empty()) TRY(ask_clients(context.get(), client_authorities));
    // Of two identities with one kind of key the earlier one is shown: it is set last.
    for (auto i = set.rbegin(); i != set.rend(); ++i) TRY(use(context.get(), parsed[*i]));
    known = context.get();
    result->contexts.push_back(std::move(context));
    return known;
  };
  if (parsed.front().names.empty()) TRY(context_of({0}));
  for (const auto& name : order) result->by_name[name] = TRY(context_of(of_name[name]));
  return result;
}

}  // namespace

SSL_CTX* Identities::find(std::string_view name) const {
  auto lower = to_lower(name);
  if (lower.ends_with('.')) lower.pop_back();
  auto found = by_name.find(lower);
  auto dot = lower.find('.');
  if (found == by_name.end() && dot != lower.npos) found = by_name.find("*" + lower.substr(dot));  // RFC 9525 §6.3
  return found == by_name.end() ? nullptr : found->second;
}

TicketKeys::~TicketKeys() {
  if (current_) OPENSSL_cleanse(&*current_, sizeof *current_);
  if (previous_) OPENSSL_cleanse(&*previous_, sizeof *previous_);
}

void TicketKeys::rotate() {
  auto age = clock_.now() - since_;
  if (current_ && age < ServerContext::kTicketKeyLife) return;
  previous_ = age < 2 * ServerContext::kTicketKeyLife ? current_ : std::nullopt;
  since_ = clock_.now();
  current_.emplace();
  random_.fill(reinterpret_cast<char*>(&*current_), sizeof *current_);
}

TicketKeys::Keys TicketKeys::current() {
  std::lock_guard lock(mutex_);
  rotate();
  return *current_;
}

std::optional<TicketKeys::Keys> TicketKeys::find(const unsigned char* name) {
  std::lock_guard lock(mutex_);
  rotate();
  for (const auto& keys : {current_, previous_})
    if (keys && std::equal(keys->name.begin(), keys->name.end(), name)) return keys;
  return std::nullopt;
}

ServerContext::ServerContext(std::unique_ptr<Body> body) : body_(std::move(body)) {}
ServerContext::~ServerContext() = default;

Result<std::shared_ptr<ServerContext>> ServerContext::make(std::vector<Identity> identities, const Clock& clock,
                                                           Random& random, std::string_view client_authorities) {
  auto context = std::shared_ptr<ServerContext>(new ServerContext(std::make_unique<Body>(clock, random)));
  TRY(context->reload(std::move(identities), client_authorities));
  return context;
}

Result<void> ServerContext::reload(std::vector<Identity> identities, std::string_view client_authorities) {
  auto arranged = TRY(arrange(identities, client_authorities));
  std::lock_guard lock(body_->mutex);
  body_->identities = std::move(arranged);
  return {};
}

bool ServerContext::bears(std::string_view name) const { return body_->get()->find(name) != nullptr; }

ClientContext::ClientContext(std::unique_ptr<Body> body) : body_(std::move(body)) {}
ClientContext::~ClientContext() = default;

Result<std::shared_ptr<ClientContext>> ClientContext::make(Verification verification,
                                                           std::string_view authorities_pem) {
  auto body = std::make_unique<Body>();
  body->verification = verification;
  body->context = TRY(new_context(TLS_client_method()));
  auto* raw = body->context.get();
  SSL_CTX_set_verify(raw, verification == Verification::webpki ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  if (authorities_pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(raw) != 1) return openssl_failure(kTlsLibrary, "the system's authorities");
  } else {
    for (auto& authority : TRY(read_certificates(authorities_pem)))
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), authority.get()) != 1)
        return openssl_failure(kBadCertificate, "an authority");
  }
  return std::shared_ptr<ClientContext>(new ClientContext(std::move(body)));
}

}  // namespace angarium::wire::tls
