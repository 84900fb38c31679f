#include <curl/curl.h>

#include <memory>

#include "base/text.h"
#include "directory/oidc/fetch.h"
#include "token/keys.h"

namespace angarium::directory {
namespace {

constexpr long kOk = 200;

bool start_library() {
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return started;
}

/// Fewer octets taken than given end the transfer.
std::size_t take(const char* octets, std::size_t one, std::size_t count, void* to) {
  auto& text = *static_cast<std::string*>(to);
  if (text.size() + one * count > token::kSetMax) return 0;
  text.append(octets, one * count);
  return one * count;
}

}  // namespace

Result<std::string> fetch_keys(const std::string& url, const std::string& ca_file, Duration timeout) {
  if (!start_library()) return fail(kNoKeys, "libcurl does not start");
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle(curl_easy_init(), curl_easy_cleanup);
  if (!handle) return fail(kOutOfMemory, "for libcurl");
  std::string text;
  CURL* const curl = handle.get();
  const long milliseconds = static_cast<long>(timeout.count() / 1000);
  const bool set = curl_easy_setopt(curl, CURLOPT_URL, url.c_str()) == CURLE_OK &&
                   curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
                   curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
                   curl_easy_setopt(curl, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2}) == CURLE_OK &&
                   curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str()) == CURLE_OK &&
                   curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds) == CURLE_OK &&
                   // Of the process's other threads.
                   curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                   curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take) == CURLE_OK &&
                   curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text) == CURLE_OK;
  if (!set) return fail(kNoKeys, "libcurl does not take its options");
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_WRITE_ERROR) return fail(kNoKeys, url + " gives more than 256 KiB: that is no key set");
  if (code != CURLE_OK) return fail(kNoKeys, url + ": " + curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != kOk) return fail(kNoKeys, url + " answers " + std::to_string(status));
  return text;
}

}  // namespace angarium::directory
