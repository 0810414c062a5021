"""Which architectures the engines load, by the names that models carry.

llama.cpp: ``LLM_ARCH_NAMES`` and the classes that its converters register
(ggml-org/llama.cpp, b11549). vLLM 0.33: its model registry
(``vllm/model_executor/models/registry.py``). Drafts for speculative decoding,
speech and projector architectures are left out: no engine serves them alone.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Values of ``general.architecture`` in a GGUF file.
LLAMA_CPP = _names(
    """
    afmoe apertus arcee arctic arwkv7 baichuan bailingmoe bailingmoe2 bailingmoe3 bert bitnet bloom
    chameleon chatglm codeshell cogvlm cohere2 cohere2moe command-r dbrx deci deepseek deepseek2
    deepseek2-ocr deepseek32 deepseek4 dots1 dots3note dream ernie4_5 ernie4_5-moe eurobert exaone
    exaone-moe exaone4 falcon falcon-h1 gemma gemma-embedding gemma-embedding2 gemma2 gemma3 gemma3n
    gemma4 glm-dsa glm4 glm4moe glm5-next gpt-oss gpt2 gptneox granite granite_swa granitehybrid
    granitemoe graniteswitch grok grovemoe hrm_text hunyuan-dense hunyuan-moe hunyuan_vl hy_v3 hy_v4
    internlm2 jais jais2 jamba jina-bert-v2 jina-bert-v3 k2-horizon kimi-k3 kimi-linear laguna lfm2
    lfm2moe llada llada-moe llama llama-embed llama4 maincoder mamba mamba2 maple mellum mimo2
    minicpm minicpm3 minimax-01 minimax-m2 minimax-m3 mistral3 mistral4 modern-bert mpt muse-glimmer
    nanbeige nemotron nemotron_h nemotron_h_moe neo-bert nomic-bert nomic-bert-moe olmo olmo2 olmoe
    openelm orion paddleocr pangu-embedded phi2 phi3 phimoe plamo plamo2 plamo3 plm qwen qwen2
    qwen2moe qwen2vl qwen3 qwen35 qwen35moe qwen3moe qwen3next qwen3vl qwen3vlmoe qwen4exp refact
    rnd1 rwkv6 rwkv6qwen2 rwkv7 seed_oss smallthinker smollm3 spark2_5 stablelm starcoder starcoder2
    step35 t5 t5encoder talkie xverse
    """
)

# Classes in a config.json that llama.cpp's converters turn into GGUF.
CONVERTIBLE = _names(
    """
    AfmoeForCausalLM ApertusForCausalLM ArceeForCausalLM ArcticForCausalLM
    AudioFlamingo3ForConditionalGeneration BaiChuanForCausalLM BaichuanForCausalLM
    BailingMoeForCausalLM BailingMoeV2ForCausalLM BailingMoeV3ForCausalLM
    BailingMoeV3VLForConditionalGeneration BambaForCausalLM BertForMaskedLM
    BertForSequenceClassification BertModel BitNetForCausalLM BitnetForCausalLM BloomForCausalLM
    BloomModel CamembertModel ChatGLMForConditionalGeneration ChatGLMModel CodeShellForCausalLM
    CogVLMForCausalLM Cohere2MoeForCausalLM Cohere2VisionForConditionalGeneration DbrxForCausalLM
    DeciLMForCausalLM DeepseekForCausalLM DeepseekOCR2ForCausalLM DeepseekOCRForCausalLM
    DeepseekV2ForCausalLM DeepseekV32ForCausalLM DeepseekV3ForCausalLM DeepseekV4ForCausalLM
    DistilBertForMaskedLM DistilBertForSequenceClassification DistilBertModel Dots1ForCausalLM
    Dots3NoteForCausalLM Dots3NoteForConditionalGeneration Dots3NoteTextForCausalLM
    DotsOCRForCausalLM DreamModel EmbeddingGemma2Model Ernie4_5ForCausalLM Ernie4_5_ForCausalLM
    Ernie4_5_MoeForCausalLM EuroBertModel Exaone4ForCausalLM Exaone4_5_ForConditionalGeneration
    ExaoneForCausalLM ExaoneMoEForCausalLM ExaoneMoeForCausalLM FalconForCausalLM
    FalconH1ForCausalLM FalconMambaForCausalLM GPT2LMHeadModel GPTBigCodeForCausalLM
    GPTNeoXForCausalLM GPTRefactForCausalLM Gemma4ForCausalLM Gemma4ForConditionalGeneration
    Gemma4UnifiedForConditionalGeneration Glm4ForCausalLM Glm4MoeForCausalLM Glm4MoeLiteForCausalLM
    Glm4vForConditionalGeneration Glm4vMoeForConditionalGeneration Glm5NextForConditionalGeneration
    GlmForCausalLM GlmMoeDsaForCausalLM GlmOcrForConditionalGeneration GlmasrModel GptOssForCausalLM
    Granite4VisionForConditionalGeneration GraniteForCausalLM GraniteMoeForCausalLM
    GraniteMoeHybridForCausalLM GraniteMoeSWAForCausalLM GraniteMoeSharedForCausalLM
    GraniteSWAForCausalLM GraniteSpeechForConditionalGeneration
    GraniteSpeechPlusForConditionalGeneration GraniteSwitchForCausalLM Grok1ForCausalLM
    GrokForCausalLM GroveMoeForCausalLM HYV3ForCausalLM HYV4ForCausalLM HrmTextForCausalLM
    HunYuanDenseV1ForCausalLM HunYuanMoEV1ForCausalLM HunYuanVLForConditionalGeneration
    Idefics3ForConditionalGeneration InternLM2ForCausalLM InternLM3ForCausalLM JAISLMHeadModel
    JambaForCausalLM JanusForConditionalGeneration JinaBertForMaskedLM JinaBertModel
    JinaEmbeddingsV5Model K2HorizonForCausalLM KORMoForCausalLM KimiK25ForConditionalGeneration
    KimiK3ForConditionalGeneration KimiLinearForCausalLM KimiLinearModel
    KimiVLForConditionalGeneration LFM2ForCausalLM LLaDAMoEModel LLaDAMoEModelLM LLaDAModelLM
    LagunaForCausalLM Lfm25AudioTokenizer Lfm2AudioForConditionalGeneration Lfm2BidirectionalModel
    Lfm2ForCausalLM Lfm2Model Lfm2MoeForCausalLM Lfm2VlForConditionalGeneration
    LightOnOCRForConditionalGeneration LlamaBidirectionalModel LlavaForConditionalGeneration
    LlavaStableLMEpochForCausalLM MERaLiON2ForConditionalGeneration MPTForCausalLM
    MaincoderForCausalLM Mamba2ForCausalLM MambaForCausalLM MambaLMHeadModel MapleForCausalLM
    MellumForCausalLM MiMoV2FlashForCausalLM MiMoV2ForCausalLM MiniCPM3ForCausalLM
    MiniCPMForCausalLM MiniCPMV4_6ForConditionalGeneration MiniMaxM2ForCausalLM
    MiniMaxM3SparseForCausalLM MiniMaxM3SparseForConditionalGeneration
    MiniMaxM3VLForConditionalGeneration MiniMaxText01ForCausalLM Ministral3ForCausalLM
    Mistral3ForConditionalGeneration ModernBertForMaskedLM ModernBertForSequenceClassification
    ModernBertModel MuseGlimmerForConditionalGeneration NanbeigeForCausalLM NemotronForCausalLM
    NemotronHForCausalLM NemotronHPuzzleForCausalLM NemotronH_Nano_VL_V2 NeoBERT
    NeoBERTForSequenceClassification NeoBERTLMHead NomicBertModel Olmo2ForCausalLM OlmoForCausalLM
    OlmoeForCausalLM OpenELMForCausalLM OrionForCausalLM PLMForCausalLM PLaMo2ForCausalLM
    PaddleOCRVLForConditionalGeneration PanguEmbeddedForCausalLM Phi3ForCausalLM Phi4ForCausalLMV
    PhiForCausalLM PhiMoEForCausalLM Plamo2ForCausalLM PlamoForCausalLM QWenLMHeadModel
    Qwen2AudioForConditionalGeneration Qwen2ForCausalLM Qwen2Model Qwen2MoeForCausalLM
    Qwen2VLForConditionalGeneration Qwen2VLModel Qwen2_5OmniModel Qwen2_5_VLForConditionalGeneration
    Qwen3ASRForConditionalGeneration Qwen3ForCausalLM Qwen3Model Qwen3MoeForCausalLM
    Qwen3NextForCausalLM Qwen3OmniMoeForConditionalGeneration Qwen3TTSForConditionalGeneration
    Qwen3VLForConditionalGeneration Qwen3VLMoeForConditionalGeneration Qwen3_5ForCausalLM
    Qwen3_5ForConditionalGeneration Qwen3_5MoeForCausalLM Qwen3_5MoeForConditionalGeneration
    Qwen3_5TextModel Qwen4ExpForCausalLM Qwen4ExpForConditionalGeneration RND1 RWForCausalLM
    RWKV6Qwen2ForCausalLM RWKV7ForCausalLM RobertaForSequenceClassification RobertaModel
    RuGPT3XLForCausalLM Rwkv6ForCausalLM Rwkv7ForCausalLM RwkvHybridForCausalLM
    Sarashina2VisionForCausalLM SarvamMoEForCausalLM SeedOssForCausalLM SmallThinkerForCausalLM
    SmolLM3ForCausalLM SmolVLMForConditionalGeneration SolarOpenForCausalLM Spark2_5ForCausalLM
    StableLMEpochForCausalLM StableLmForCausalLM Starcoder2ForCausalLM Step3p5ForCausalLM
    Step3p7ForConditionalGeneration StepVLForConditionalGeneration T5EncoderModel T5WithLMHeadModel
    TalkieForCausalLM UltravoxModel UnlimitedOCRForCausalLM VoxtralForConditionalGeneration
    XLMRobertaForSequenceClassification XLMRobertaModel XverseForCausalLM YoutuForCausalLM
    YoutuVLForConditionalGeneration
    """
)

# Classes that vLLM generates text with.
VLLM_TEXT = _names(
    """
    AXK1ForCausalLM AfmoeForCausalLM AliceAIForCausalLM ApertusForCausalLM ArceeForCausalLM
    BailingMoeForCausalLM BailingMoeV2ForCausalLM BailingMoeV2_5ForCausalLM
    BailingMoeV3ForCausalLM BeamForCausalLM BloomForCausalLM ChatGLMForConditionalGeneration
    ChatGLMModel Cohere2ForCausalLM Cohere2MoeForCausalLM CohereForCausalLM CwmForCausalLM
    DbrxForCausalLM DeciLMForCausalLM DeepseekForCausalLM DeepseekV2ForCausalLM
    DeepseekV32ForCausalLM DeepseekV3ForCausalLM DeepseekV4ForCausalLM DomynEdgeForCausalLM
    DoryForCausalLM Emu3ForConditionalGeneration Ernie4_5ForCausalLM Ernie4_5_MoeForCausalLM
    Exaone4ForCausalLM ExaoneForCausalLM ExaoneMoEForCausalLM ExaoneMoeForCausalLM
    FalconForCausalLM FalconH1ForCausalLM FalconMambaForCausalLM FlexOlmoForCausalLM
    FlintForCausalLM GPT2LMHeadModel GPTBigCodeForCausalLM GPTJForCausalLM GPTNeoXForCausalLM
    Gemma2ForCausalLM Gemma3ForCausalLM Gemma3nForCausalLM Gemma4ForCausalLM GemmaForCausalLM
    Glm4ForCausalLM Glm4MoeForCausalLM Glm4MoeLiteForCausalLM Glm5NextForCausalLM GlmForCausalLM
    GlmMoeDsaForCausalLM GptOssForCausalLM GraniteForCausalLM GraniteMoeForCausalLM
    GraniteMoeHybridForCausalLM GraniteMoeSWAForCausalLM GraniteMoeSharedForCausalLM
    GraniteSWAForCausalLM HCXVisionV2ForCausalLM HYV3ForCausalLM HYV4ForCausalLM
    HrmTextForCausalLM HunYuanDenseV1ForCausalLM HunYuanMoEV1ForCausalLM
    HunYuanVLForConditionalGeneration HyperCLOVAXForCausalLM IQuestCoderForCausalLM
    IQuestLoopCoderForCausalLM InklingForCausalLM InklingForConditionalGeneration
    InternLM2ForCausalLM InternLM3ForCausalLM Jais2ForCausalLM JambaForCausalLM
    K2HorizonForCausalLM KimiLinearForCausalLM Kolibri1ForCausalLM LLaMAForCausalLM
    LagunaForCausalLM Lfm2ForCausalLM Lfm2MoeForCausalLM Llama4ForCausalLM LlamaForCausalLM
    LongcatFlashForCausalLM LongcatFlashNgramForCausalLM Mamba2ForCausalLM MambaForCausalLM
    MellumForCausalLM MiMoForCausalLM MiMoV2FlashForCausalLM MiMoV2ForCausalLM
    MiniCPM3ForCausalLM MiniCPMForCausalLM MiniMaxM2ForCausalLM MiniMaxM3SparseForCausalLM
    Ministral3ForCausalLM MistralForCausalLM MistralLarge3ForCausalLM MixtralForCausalLM
    MuseGlimmerForCausalLM NanbeigeForCausalLM NemotronForCausalLM NemotronHForCausalLM
    NemotronHPuzzleForCausalLM OPTForCausalLM Olmo2ForCausalLM Olmo3ForCausalLM OlmoForCausalLM
    OlmoHybridForCausalLM OlmoeForCausalLM OrionForCausalLM PanguEmbeddedForCausalLM
    PanguProMoEV2ForCausalLM PanguUltraMoEForCausalLM Param2MoEForCausalLM Phi3ForCausalLM
    PhiForCausalLM PhiMoEForCausalLM Plamo3ForCausalLM Qwen2ForCausalLM Qwen2MoeForCausalLM
    Qwen3ForCausalLM Qwen3MoeForCausalLM Qwen3NextForCausalLM Qwen3_5ForCausalLM
    Qwen3_5MoeForCausalLM Qwen4ExpForCausalLM Rnj1ForCausalLM SarvamMLAForCausalLM
    SarvamMoEForCausalLM SeedOssForCausalLM SmolLM3ForCausalLM SolarForCausalLM
    StableLmForCausalLM Starcoder2ForCausalLM Step1ForCausalLM Step3TextForCausalLM
    Step3p5ForCausalLM Step5ForCausalLM TeleChat2ForCausalLM TeleChat3ForCausalLM
    TeleFLMForCausalLM VaultGemmaForCausalLM Zamba2ForCausalLM
    """
)

# Classes that vLLM generates text with from images or sound too.
VLLM_MULTIMODAL = _names(
    """
    AriaForConditionalGeneration AudioFlamingo3ForConditionalGeneration
    BagelForConditionalGeneration BailingMoeV3VLForConditionalGeneration
    BeeForConditionalGeneration Blip2ForConditionalGeneration
    Cohere2VisionForConditionalGeneration CohereCompassForConditionalGeneration
    Cosmos3EdgeForConditionalGeneration Cosmos3ForConditionalGeneration DeepseekOCR2ForCausalLM
    DeepseekOCRForCausalLM DeepseekV41ForCausalLM DeepseekV4ForConditionalGeneration
    DeepseekVLV2ForCausalLM DiffusionGemmaForBlockDiffusion Dots3NoteForCausalLM
    DotsOCRForCausalLM Eagle2_5_VLForConditionalGeneration
    Ernie4_5_VLMoeForConditionalGeneration Exaone4_5_ForConditionalGeneration
    FunAudioChatForConditionalGeneration GLM4VForCausalLM Gemma3ForConditionalGeneration
    Gemma3nForConditionalGeneration Gemma4ForConditionalGeneration
    Gemma4UnifiedForConditionalGeneration Glm4vForConditionalGeneration
    Glm4vMoeForConditionalGeneration Glm5NextForConditionalGeneration
    GlmOcrForConditionalGeneration Granite4VisionForConditionalGeneration
    GraniteSpeechForConditionalGeneration GraniteSpeechPlusForConditionalGeneration
    H2OVLChatModel HfMoondream Idefics3ForConditionalGeneration InternS1ForConditionalGeneration
    InternS1ProForConditionalGeneration InternS2MobiusForConditionalGeneration
    InternS2PreviewForConditionalGeneration InternVLChatModel InternVLForConditionalGeneration
    IsaacForConditionalGeneration KananaVForConditionalGeneration KeyeForConditionalGeneration
    KeyeVL1_5ForConditionalGeneration KimiK25ForConditionalGeneration
    KimiK3ForConditionalGeneration KimiVLForConditionalGeneration Lfm2VlForConditionalGeneration
    LightOnOCRForConditionalGeneration Llama4ForConditionalGeneration Llama_Nemotron_Nano_VL
    LlavaForConditionalGeneration LlavaNextForConditionalGeneration
    LlavaNextVideoForConditionalGeneration LlavaOnevision2ForConditionalGeneration
    LlavaOnevisionForConditionalGeneration MiDashengLMModel MiMoV2OmniForCausalLM MiniCPMO
    MiniCPMOcrForConditionalGeneration MiniCPMV MiniCPMV4_6ForConditionalGeneration
    MiniCPMV4_7ForConditionalGeneration MiniMaxM3SparseForConditionalGeneration
    Mistral3ForConditionalGeneration Molmo2ForConditionalGeneration MolmoForCausalLM
    Moondream3ForCausalLM MoonshotKimiaForCausalLM MossAudioModel
    MuseGlimmerForConditionalGeneration MuseSparkForConditionalGeneration NVLM_D
    NemotronH_Nano_Omni_Reasoning_V3 NemotronH_Nano_VL_V2 NemotronH_Omni_Reasoning_V3
    NemotronH_Super_Omni_Reasoning_V3 OpenCUAForConditionalGeneration
    OpenPanguVLForConditionalGeneration Ovis Ovis2_5 Ovis2_6ForCausalLM Ovis2_6_MoeForCausalLM
    PaddleOCRVLForConditionalGeneration PaliGemmaForConditionalGeneration Phi3VForCausalLM
    Phi4ForCausalLMV Phi4MMForCausalLM PixtralForConditionalGeneration
    QianfanOCRForConditionalGeneration Qwen2AudioForConditionalGeneration
    Qwen2VLForConditionalGeneration Qwen2_5OmniForConditionalGeneration Qwen2_5OmniModel
    Qwen2_5_VLForConditionalGeneration Qwen3OmniMoeForConditionalGeneration
    Qwen3VLForConditionalGeneration Qwen3VLMoeForConditionalGeneration
    Qwen3_5ForConditionalGeneration Qwen3_5MoeForConditionalGeneration
    Qwen4ExpForConditionalGeneration RForConditionalGeneration SkyworkR1VChatModel
    SmolVLMForConditionalGeneration Step3VLForConditionalGeneration
    Step3p7ForConditionalGeneration Step5ForConditionalGeneration StepVLForConditionalGeneration
    UltravoxModel UnlimitedOCRForCausalLM VoxtralForConditionalGeneration
    VoxtralRealtimeGeneration
    """
)

# Classes that vLLM makes embeddings with.
VLLM_EMBEDDING = _names(
    """
    BertForMaskedLM BertModel BertSpladeSparseEmbeddingModel BgeM3EmbeddingModel
    DeciLMForCausalLM DeepseekV3BidirectionalModel EmbeddingGemma2Model Gemma2Model
    Gemma3TextModel GteModel GteNewModel JinaEmbeddingsV5Model Lfm2BidirectionalModel
    LlamaBidirectionalModel LlamaModel LlamaNemotronVLModel LlavaNextForConditionalGeneration
    MistralModel ModernBertModel NomicBertModel Phi3ForCausalLM Phi3VForCausalLM
    Qwen2ForCausalLM Qwen2Model Qwen2VLForConditionalGeneration RobertaForMaskedLM RobertaModel
    TeleChat2ForCausalLM VoyageQwen3BidirectionalEmbedModel XLMRobertaModel
    """
)

VLLM = VLLM_TEXT | VLLM_MULTIMODAL | VLLM_EMBEDDING
