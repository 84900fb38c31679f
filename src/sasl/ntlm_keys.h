// The arithmetic of NTLM version 2 ([MS-NLMP] §3.3.2), shared by both sides.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "sasl/ntlm_message.h"
#include "sasl/secret.h"

namespace angarium::sasl {

/// NTOWFv2: of the NT hash of the password, the user's name and the domain as the client says it (both UTF-16).
Result<Secret> ntlm_response_key(std::string_view nt_hash, std::string_view user, std::string_view domain);
/// What the client's part of a response holds before it is proved: "temp".
std::string ntlm_blob(std::uint64_t file_time, std::string_view client_challenge, std::string_view av_pairs);
/// NTProofStr, and LMv2 with the client's challenge alone as the blob.
Result<std::string> ntlm_proof(std::string_view response_key, std::string_view server_challenge, std::string_view blob);
/// SessionBaseKey
Result<Secret> ntlm_session_key(std::string_view response_key, std::string_view proof);
/// The integrity code over all three messages, the code itself being zeros.
Result<std::string> ntlm_mic(std::string_view session_key, std::string_view negotiate, std::string_view challenge,
                             std::string authenticate);
/// In tenths of a microsecond since 1601.
std::uint64_t to_file_time(WallTime time);

}  // namespace angarium::sasl
