#include <security/pam_appl.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "cage/host.h"

namespace angarium::cage {
namespace {

/// PAM wants C strings of malloc's, and frees (and wipes) them.
char* copy_of(std::string_view text) {
  auto* const copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) return nullptr;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

void let_go(pam_response* responses, int count) {
  for (int i = 0; i < count; ++i) {
    if (responses[i].resp == nullptr) continue;
    explicit_bzero(responses[i].resp, std::strlen(responses[i].resp));
    std::free(responses[i].resp);
  }
  std::free(responses);
}

/// Answers what is asked without echo by the password, anything else not at all: nobody is there to be asked.
int converse(int count, const pam_message** messages, pam_response** responses, void* password) {
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  auto* const answers = static_cast<pam_response*>(std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  if (answers == nullptr) return PAM_BUF_ERR;
  for (int i = 0; i < count; ++i) {
    const int style = messages[i]->msg_style;
    if (style == PAM_PROMPT_ECHO_OFF) answers[i].resp = copy_of(static_cast<sasl::Secret*>(password)->view());
    const bool failed = style == PAM_PROMPT_ECHO_ON || (style == PAM_PROMPT_ECHO_OFF && answers[i].resp == nullptr);
    if (!failed) continue;
    let_go(answers, count);
    return PAM_CONV_ERR;
  }
  *responses = answers;
  return PAM_SUCCESS;
}

/// How long a failure is held back is the session's matter (auth.failure_delay), where it holds up nobody else.
void no_delay(int /*status*/, unsigned /*microseconds*/, void* /*data*/) {}

/// Nothing: neither right nor wrong, it cannot be told now.
std::optional<Verdict> verdict_of(int status) {
  switch (status) {
    case PAM_SUCCESS: return Verdict::right;
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_CRED_INSUFFICIENT:
    case PAM_PERM_DENIED:
    case PAM_ACCT_EXPIRED:
    case PAM_AUTHTOK_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD: return Verdict::wrong;
    default: return std::nullopt;
  }
}

}  // namespace

Result<Verdict> check_by_pam(const User& user, const sasl::Secret& password, const std::string& remote,
                             const char* services) {
  // What pam_unix takes for the end of the password would let in who knows its beginning.
  if (password.empty() || password.view().contains('\0')) return Verdict::wrong;
  sasl::Secret secret = sasl::Secret::copy(password.view());
  const pam_conv conversation{.conv = converse, .appdata_ptr = &secret};
  pam_handle_t* handle = nullptr;
  int status = pam_start_confdir(kPamService, user.name.c_str(), &conversation, services, &handle);
  if (status != PAM_SUCCESS) return fail(kUnavailable, "PAM does not start");
  if (!remote.empty()) status = pam_set_item(handle, PAM_RHOST, remote.c_str());
  // C's way to store a function where an object is expected.
  if (status == PAM_SUCCESS) status = pam_set_item(handle, PAM_FAIL_DELAY, reinterpret_cast<const void*>(&no_delay));
  if (status == PAM_SUCCESS) status = pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  if (status == PAM_SUCCESS) status = pam_acct_mgmt(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  const char* const words = pam_strerror(handle, status);
  const std::string told = words == nullptr ? "" : words;
  pam_end(handle, status);
  if (const auto verdict = verdict_of(status)) return *verdict;
  return fail(kUnavailable, "PAM cannot check a password now: " + told);
}

}  // namespace angarium::cage
