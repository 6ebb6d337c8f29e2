"""Names of the fields of the Marketplace's objects in Salesforce."""

from __future__ import annotations


class SellerAccount:
    """Fields of ``AWS_Account__c``."""

    NUMBER = "Account_Number__c"
    ACTIVE = "Active__c"
    STATUS = "Status__c"
    MESSAGE = "Message__c"
    CHECKED_AT = "Checked_At__c"
    PRODUCTS_REFRESHED_AT = "Products_Refreshed_At__c"
    PRODUCTS_REFRESHED_WITH = "Products_Refreshed_With__c"
    AUTHORIZATIONS_REFRESHED_AT = "Authorizations_Refreshed_At__c"
    SHARED_AUTHORIZATIONS_REFRESHED_AT = "Shared_Authorizations_Refreshed_At__c"


class Product:
    """Fields of ``AWS_Product__c``; its name holds the first 80 characters of the title."""

    KEY = "Entity_Key__c"
    ACCOUNT = "Account__c"
    ID = "Product_Id__c"
    TITLE = "Product_Title__c"
    TYPE = "Product_Type__c"
    PRICING_TYPE = "Pricing_Type__c"
    CODE = "Product_Code__c"
    STATE = "Product_State__c"
    SKU = "SKU__c"
    SHORT_DESCRIPTION = "Short_Description__c"
    VISIBILITY = "Visibility__c"
    LAST_MODIFIED = "AWS_Last_Modified__c"
    REFRESHED_AT = "Refreshed_At__c"
    ACTIVE = "Active__c"


class ProductDimension:
    """Fields of ``AWS_Product_Dimension__c``; its name holds the first 80 characters of the dimension's."""

    KEY = "Entity_Key__c"
    PRODUCT = "Product__c"
    PRODUCT_REF = "Product__r"
    DIMENSION_KEY = "Dimension_Key__c"
    NAME = "Dimension_Name__c"
    DESCRIPTION = "Description__c"
    TYPES = "Dimension_Types__c"
    UNIT = "Unit__c"
    REFRESHED_AT = "Refreshed_At__c"
    ACTIVE = "Active__c"


class Authorization:
    """Fields that ``AWS_Resale_Authorization__c`` and ``AWS_Shared_Resale_Authorization__c`` have both."""

    KEY = "Entity_Key__c"
    ACCOUNT = "Account__c"
    ID = "Authorization_Id__c"
    NAME = "Authorization_Name__c"
    DESCRIPTION = "Description__c"
    STATUS = "Status__c"
    PRODUCT = "Product__c"
    PRICING_MODEL = "Pricing_Model__c"
    CURRENCY = "Currency_Code__c"
    DURATION_TYPE = "Duration_Type__c"
    EXPIRATION_DATE = "Expiration_Date__c"
    SERVICE_LENGTH = "Service_Length__c"
    SERVICE_LENGTH_UNIT = "Service_Length_Unit__c"
    MAXIMUM_START = "Maximum_Service_Start_Date__c"
    FLEXIBLE_PAYMENT = "Flexible_Payment__c"
    BUYERS = "Buyer_Accounts__c"
    EULA_TYPE = "EULA_Type__c"
    RESELLER_CONTRACT_TYPE = "Reseller_Contract_Type__c"
    OFFER_EXTENDED_STATUS = "Offer_Extended_Status__c"
    CREATED = "AWS_Created_At__c"
    LAST_MODIFIED = "AWS_Last_Modified__c"


class OwnAuthorization(Authorization):
    """Further fields of ``AWS_Resale_Authorization__c``: what a manufacturer authorizes."""

    RESELLER_ACCOUNT = "Reseller_Account__c"
    RESELLER_NAME = "Reseller_Legal_Name__c"
    OFFERS_CREATED = "Offers_Created__c"
    MULTIPLE_DIMENSIONS = "Multiple_Dimension_Selection__c"
    RENEWAL = "Renewal__c"
    RENEWAL_CHANNEL = "Renewal_Channel__c"
    RENEWAL_PRICING_MODEL = "Renewal_Pricing_Model__c"
    STATUS_REFRESHED_AT = "Status_Refreshed_At__c"
    MESSAGE = "Message__c"


class SharedAuthorization(Authorization):
    """Further fields of ``AWS_Shared_Resale_Authorization__c``: what a channel partner may resell."""

    MANUFACTURER_ACCOUNT = "Manufacturer_Account__c"
    MANUFACTURER_NAME = "Manufacturer_Legal_Name__c"
    PRODUCT_ID = "Product_Id__c"
    PRODUCT_NAME = "Product_Name__c"
    REFRESHED_AT = "Refreshed_At__c"


class MarketplaceSync:
    """Fields of ``AWS_Marketplace_Sync__c``."""

    KEY = "Sync_Key__c"
    ACCOUNT = "Account__c"
    OBJECT = "Object__c"
    OPERATION = "Operation__c"
    STATUS = "Status__c"
    RECORD_COUNT = "Record_Count__c"
    CREATED_COUNT = "Created_Count__c"
    UPDATED_COUNT = "Updated_Count__c"
    ERROR_COUNT = "Error_Count__c"
    STARTED_AT = "Started_At__c"
    ENDED_AT = "Ended_At__c"
    MESSAGE = "Message__c"
