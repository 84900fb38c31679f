#include "transfer/fingerprint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <new>

#include "store/octets.h"

namespace angarium::transfer {

struct Fingerprinter::Body {
  Body() : algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context(EVP_MD_CTX_new()) {
    if (algorithm == nullptr || context == nullptr) throw std::bad_alloc();
    begin();
  }
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  ~Body() {
    EVP_MD_CTX_free(context);
    EVP_MD_free(algorithm);
  }
  void begin() {
    if (EVP_DigestInit_ex(context, algorithm, nullptr) != 1) throw std::bad_alloc();
  }
  EVP_MD* algorithm;
  EVP_MD_CTX* context;
};

Fingerprinter::Fingerprinter() : body_(std::make_unique<Body>()) {}
Fingerprinter::~Fingerprinter() = default;

void Fingerprinter::add(std::string_view octets) {
  if (EVP_DigestUpdate(body_->context, octets.data(), octets.size()) != 1) throw std::bad_alloc();
}

void Fingerprinter::add_text(std::string_view text) {
  std::string length;
  store::append_varint(length, text.size());
  add(length);
  add(text);
}

Fingerprint Fingerprinter::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (EVP_DigestFinal_ex(body_->context, digest.data(), nullptr) != 1) throw std::bad_alloc();
  body_->begin();
  Fingerprint result{};
  std::ranges::copy_n(reinterpret_cast<const char*>(digest.data()), result.size(), result.begin());
  return result;
}

}  // namespace angarium::transfer
